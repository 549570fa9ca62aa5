// SPDX-License-Identifier: Apache-2.0
/// @file
/// A thread of the program under test, for the parts of execution alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <boost/context/detail/fcontext.hpp>

#include "verify/explorer/execution.hpp"

namespace trefoil::explorer {

enum class doing : std::uint8_t { steps, sleeps, spins, joins, idles, ended };

struct execution::thread {
  std::function<void()> body;
  bool daemon = false;
  unsigned interrupts = nobody;
  unsigned interrupted_by = nobody;  // the interrupt that runs on its CPU now
  bool started = false;
  doing state = doing::steps;
  // Of the turn of a spinning wait that is under way, if it is one:
  bool read_stale = false;
  std::size_t stores_before = 0;  // of all threads
  access next;                    // what it is about to do
  knowledge known;
  std::uint32_t step = 0;
  const location* waits_on = nullptr;
  bool wakes_in_time = false;  // while it sleeps: after a while even if nobody wakes it
  std::unique_ptr<std::byte[]> stack;
  boost::context::detail::fcontext_t context = nullptr;
};

}  // namespace trefoil::explorer
