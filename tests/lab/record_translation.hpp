// SPDX-License-Identifier: Apache-2.0
// Records as the kernel's programs send them, and what the recorder makes of them.
#ifndef TREFOIL_TESTS_LAB_RECORD_TRANSLATION_HPP
#define TREFOIL_TESTS_LAB_RECORD_TRANSLATION_HPP

#include "lab/record/translator.hpp"
#include "tests/lab/text.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace trefoil::lab {

inline raw_record record_of(raw_kind kind, std::uint64_t time_ns, std::uint64_t mm) {
  raw_record r{};
  r.kind = static_cast<__u8>(kind);
  r.time_ns = time_ns;
  r.mm = mm;
  r.pid = 7;
  r.number = r.subject = r.mm_users = r.mm_count = -1;
  std::strcpy(r.comm, "sh");
  return r;
}

class translation : public files {
 protected:
  void add(const raw_record& r) { translator_.add(r, {}); }

  void fork(std::uint64_t time_ns, std::uint64_t mm, std::uint64_t task) {
    raw_record r = record_of(raw_fork, time_ns, mm);
    r.task = task;
    r.born_ns = time_ns - 5;
    add(r);
  }

  void dead_drop(std::uint64_t time_ns, std::uint64_t mm, int count) {
    raw_record r = record_of(raw_dead_drop, time_ns, mm);
    r.mm_count = count;
    r.subject = 9;
    add(r);
  }

  std::string told() {
    translator_.flush(true);
    translator_.finish();
    std::string all;
    for (const event& e : events_) {
      all += std::string(name_of(e.kind)) + (e.mm ? ' ' + std::to_string(e.mm.value()) : "") + ", ";
    }
    return all;
  }

  names words_;
  kernel_symbols symbols_ = kernel_symbols::read(
      write("kallsyms", "0000000000000100 t mmput_async_fn\n0000000000000200 t process_one_work\n"
                        "0000000000000300 T __mmdrop\n0000000000000400 t handle_softirqs\n"
                        "0000000000000500 t worker_thread\n"));
  std::vector<event> events_;
  std::vector<std::string> holders_;  // of the ends
  translator translator_{words_, symbols_, {}, [this](const event& e, const circumstances& around) {
                           events_.push_back(e);
                           if (e.kind == event_kind::mm_free) holders_.emplace_back(around.holder);
                         }};
};

}  // namespace trefoil::lab

#endif
