// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/last_words.hpp"

#include "lab/limits.hpp"

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <unistd.h>

namespace trefoil::tool {

namespace {

void say(std::string_view text) noexcept {
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

[[noreturn]] void say_and_end() noexcept {
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      say("trefoil: out of memory; ended at once");
      try {
        say(lab::limit_hint(ENOMEM));
      } catch (const std::bad_alloc&) {}  // NOLINT(bugprone-empty-catch)
      say("\n");
      ::_exit(1);
    } catch (...) {}  // below
  }
  std::abort();
}

}  // namespace

void prepare_last_words() noexcept { std::set_terminate(say_and_end); }

}  // namespace trefoil::tool
