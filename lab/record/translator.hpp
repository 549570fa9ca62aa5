// SPDX-License-Identifier: Apache-2.0
// Makes events of what the programs in the kernel told: puts it in the order of time, names objects by
// ids, and says who let go of an address space.
//
// Records come nearly in order: CPUs take a place in the ring before they look at the clock, and a birth
// is told when the new one gets its first holder. So nothing is final before it is some time old.
#ifndef TREFOIL_LAB_RECORD_TRANSLATOR_HPP
#define TREFOIL_LAB_RECORD_TRANSLATOR_HPP

#include "lab/record/bpf_types.hpp"
#include "lab/record/files_users.hpp"
#include "lab/record/kernel_symbols.hpp"
#include "lab/record/live_objects.hpp"
#include "lab/record/preempt_count.hpp"
#include "lab/record/routes.hpp"
#include "lab/recording/census.hpp"
#include "lab/recording/event.hpp"
#include "lab/recording/names.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trefoil::lab {

// What is known of an event beyond what the event says.
struct circumstances {
  std::string_view holder;  // mm_free: whose reference was the last; empty: not known
  std::string stack;        // mm_free, exit_mmap: the kernel's functions; empty: not taken
  std::int64_t page_table_bytes = -1;  // exit_mm, prep_exec: of the mm that is left; -1: not read
  std::int64_t preempt_count = -1;     // mm_free: the kernel's; -1: not read
};

// Of the recording: what came before it or after it is not counted.
struct translation_figures {
  std::int64_t mms = 0;
  std::int64_t incomplete_mms = 0;  // an event is missing that must have been
  std::int64_t deduced_frees = 0;   // mm_frees that no tracepoint told of, but the drop before
  std::int64_t refused = 0;  // events that contradict earlier ones: what was lost lies between
};

struct translator_options {
  std::int64_t start_ns = 0;
  bool frees_mms_in_switch = true;  // the scheduler's tail does it at once; not so on PREEMPT_RT
  bool frees_tasks_at_put = true;   // the last reference goes there, and the task with it
  bool tells_victims = true;        // a tracepoint tells when an OOM victim's mm goes with it
  bool derives_files = true;        // no tracepoint tells of the end of a files_struct
  bool has_exit_mmap = true;        // a tracepoint tells of it
  bool counts_softirqs = true;      // in the preempt count; not so on PREEMPT_RT
  std::int64_t in_hardirq = lab::in_hardirq;  // bits of it
};

class translator {
 public:
  using sink = std::function<void(const event&, const circumstances&)>;

  translator(names& words, const kernel_symbols& symbols, const translator_options& options,
             sink to);

  void add(const raw_record& record, std::span<const std::uint64_t> stack);

  // What comes later than that is no event of the recording.
  void ends_at(std::int64_t time_ns) noexcept { end_ns_ = time_ns; }

  // Events old enough to be final; at the end all of them.
  void flush(bool at_end = false);

  std::size_t pending() const noexcept { return pending_.size(); }
  const translation_figures& figures() const noexcept { return figures_; }
  const lab::census& census() const noexcept { return census_; }

  // After flush(true).
  void finish();

 private:
  enum class part : std::uint8_t { birth, itself };
  struct item {
    std::int64_t time_ns;
    part which;
    raw_record record;
    std::vector<std::uint64_t> stack;
  };
  struct mm_facts {
    bool inside = false;  // an event of the recording names it
    bool born = false;    // in the recording
    bool emptied = false;
    bool let_go = false;   // the last reference was seen to go: the census tells if no end follows
    bool end_due = false;  // and that is in the recording
    std::int32_t ender = -1;  // pid of who emptied it as the only holder: the next to drop it
    route ending;             // and how that came about
  };
  struct task_facts {
    bool exited = false;
    bool left_mm = false;
    bool victim = false;  // of the OOM killer
  };
  struct no_facts {};

  void translate(const item& one);
  live_objects<mm_id, mm_facts>::entry& mm_at(std::uint64_t address);
  void lets_go(mm_facts& mm) const;
  void birth(const item& one, event& e);
  void fork(const raw_record& r, event& e);
  void task_exit(const raw_record& r, event& e);
  void gone(const raw_record& r, const event& e);
  void exit_mmap(const item& one, event& e);
  void mm_free(const item& one, event& e);
  void dead_drop(const raw_record& r, event& e);
  void add_birth(const raw_record& record);
  bool end_is_untold(const raw_record& drop);
  void rcu_put(const raw_record& r, event& e);
  void victim_free(const item& one, event& e);
  void oom(const raw_record& r, event& e);
  void new_task(std::uint64_t address, event e);
  void emit(const event& e, const circumstances& around = {});
  void set_route(event& e, const route& how);
  route route_of_item(const item& one, circumstances& around) const;
  sampled_context context_of(std::int64_t preempt_count, sampled_context told_by_stack) const;
  event begin(const raw_record& r) const;
  actor who_is(const raw_record& r, std::string_view comm) const;

  names* words_;
  const kernel_symbols* symbols_;
  translator_options options_;
  sink sink_;
  lab::census census_;
  translation_figures figures_;
  std::vector<item> pending_;
  // By address: last drops for which no free has been told; where somebody else lives by now.
  std::unordered_map<std::uint64_t, std::int64_t> last_drop_ns_;
  std::set<std::pair<std::uint64_t, std::int64_t>> untold_;
  struct tenancy {
    bool lives = false;  // its birth has been told, and no end
    std::int64_t freed_ns = 0;
  };
  std::unordered_map<std::uint64_t, tenancy> tenancies_;  // by address of an mm
  std::int64_t last_ns_ = 0;
  std::int64_t end_ns_ = std::numeric_limits<std::int64_t>::max();
  // What is translated now came when not all programs were there: objects are known, no event is made.
  bool outside_ = false;
  std::int64_t ends_just_after_ = 0;  // ends that were due in the recording

  live_objects<mm_id, mm_facts> mms_;
  live_objects<task_id, task_facts> tasks_;
  live_objects<sighand_id, no_facts> sighands_;
  files_users files_;
};

}  // namespace trefoil::lab

#endif
