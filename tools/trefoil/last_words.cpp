// SPDX-License-Identifier: Apache-2.0
#include "tools/trefoil/last_words.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <unistd.h>

namespace trefoil::tool {

namespace {

constexpr std::string_view begins = "trefoil: out of memory; ended at once";

constinit std::array<char, 512> line{};
constinit std::size_t length = 0;
constinit std::atomic_flag said{};

[[noreturn]] void say_and_end() noexcept {
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      // All threads may come here, one after the other: the first one ends them.
      while (said.test_and_set()) ::pause();
      static_cast<void>(!::write(STDERR_FILENO, line.data(), length));
      ::_exit(1);
    } catch (...) {}  // below
  }
  std::abort();
}

}  // namespace

void prepare_last_words(std::string_view hint) noexcept {
  length = 0;
  for (const std::string_view part :
       {begins, hint.substr(0, line.size() - begins.size() - 1), std::string_view("\n")}) {
    std::copy(part.begin(), part.end(), line.begin() + static_cast<std::ptrdiff_t>(length));
    length += part.size();
  }
  std::set_terminate(say_and_end);
}

}  // namespace trefoil::tool
