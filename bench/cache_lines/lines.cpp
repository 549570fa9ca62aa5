// SPDX-License-Identifier: Apache-2.0
#include "lines.hpp"

namespace bench::cache_lines {

void lines::touch(unsigned cpu, const void* at, access kind) {
  ++seen_.accesses;
  line& l = all_[reinterpret_cast<std::uintptr_t>(at) / line_bytes];
  if (kind == access::read) {
    read(l, cpu);
  } else {
    write(l, cpu);
  }
}

void lines::read(line& l, unsigned cpu) {
  if (l.holders.test(cpu)) return;
  if (l.count == 0) {
    ++seen_.from_memory;
  } else {
    ++seen_.transfers;
  }
  l.sole = l.count == 0;
  l.holders.set(cpu);
  ++l.count;
}

void lines::write(line& l, unsigned cpu) {
  const bool mine = l.holders.test(cpu);
  if (mine && l.sole) return;
  const unsigned others = l.count - (mine ? 1 : 0);
  if (others != 0) {
    ++seen_.transfers;
    seen_.invalidated += others;
  } else if (!mine) {
    ++seen_.from_memory;
  }
  l.holders.reset();
  l.holders.set(cpu);
  l.count = 1;
  l.sole = true;
}

}  // namespace bench::cache_lines
