// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/last_words.hpp"

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <unistd.h>

namespace trefoil::tool {

namespace {

[[noreturn]] void say_and_end() noexcept {
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      constexpr std::string_view line = "trefoil: out of memory; ended at once\n";
      static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
      ::_exit(1);
    } catch (...) {}  // below
  }
  std::abort();
}

}  // namespace

void prepare_last_words() noexcept { std::set_terminate(say_and_end); }

}  // namespace trefoil::tool
