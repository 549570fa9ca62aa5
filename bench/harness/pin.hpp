// SPDX-License-Identifier: Apache-2.0
/// @file
/// Puts threads on different CPUs, as far as there are any: left alone, threads that live for less than
/// a millisecond are all started on one and never meet.
#pragma once

#include <pthread.h>
#include <sched.h>

namespace bench {

/// The calling thread runs on the nth of the CPUs that this process may use, counted round and round.
/// Best effort: where it cannot be had, the thread stays where it is.
inline void pin_to(unsigned nth) noexcept {
  cpu_set_t allowed;
  if (pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed) != 0) return;
  const int count = CPU_COUNT(&allowed);
  if (count == 0) return;
  unsigned left = nth % static_cast<unsigned>(count);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof one, &one));
    return;
  }
}

}  // namespace bench
