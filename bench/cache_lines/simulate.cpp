// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "subject.hpp"

namespace bench::cache_lines {

per_pair simulate(const row& what, unsigned count, interleaving how, unsigned pairs) {
  const std::unique_ptr<subject> all = what.make(count);
  cpus machine(count, how);
  const auto once = [&](unsigned cpu) {
    all->acquire(cpu);
    cpus::call_ends();
    all->release(cpu);
    cpus::call_ends();
  };
  // One CPU after the other, as threads are started: nobody waits for anybody.
  machine.run([&](unsigned cpu) {
    all->prepare(cpu);
    once(cpu);
  });
  machine.memory().forget_traffic();
  machine.run([&](unsigned cpu) {
    for (unsigned i = 0; i < pairs; ++i) once(cpu);
  });
  const traffic seen = machine.memory().seen();
  machine.run([&](unsigned cpu) { all->finish(cpu); });
  const double done = static_cast<double>(count) * pairs;
  return {static_cast<double>(seen.accesses) / done, static_cast<double>(seen.transfers) / done,
          static_cast<double>(seen.invalidated) / done};
}

}  // namespace bench::cache_lines
