// SPDX-License-Identifier: Apache-2.0
// When the last user of a table of open files has let go, from what its users tell when they exit.
//
// No tracepoint tells of it but that of every free in the slab allocator. A task closes its files
// between its exit and the moment when it is seen to be gone, so that moment is a little late. The
// thread that is the last of its group to exit sees how many users there are: if those are no more than
// threads on their way out, nobody else has the table.
#ifndef TREFOIL_LAB_RECORD_FILES_USERS_HPP
#define TREFOIL_LAB_RECORD_FILES_USERS_HPP

#include "lab/record/live_objects.hpp"
#include "lab/recording/ids.hpp"

#include <cstdint>
#include <unordered_map>

namespace trefoil::lab {

class files_users {
 public:
  // A new one, which has an address that perhaps was another's.
  void born(std::uint64_t files) { all_.gone(files); }

  // A task that has the table begins to exit. `users`: of the table, itself among them; -1: not read.
  files_id exits(std::uint64_t task, std::uint64_t files, std::int64_t users, bool last_thread) {
    auto& entry = all_.at(files);
    ++entry.facts.on_their_way;
    leaving_[task] = files;
    if (last_thread && users >= 0 && users <= entry.facts.on_their_way) {
      entry.facts.nobody_else = true;
      entry.facts.on_their_way = users;  // fewer: that somebody was gone has been lost
    }
    return entry.id;
  }

  // The task is gone. Returns the table that went with it, or none.
  files_id gone(std::uint64_t task) {
    const auto found = leaving_.find(task);
    if (found == leaving_.end()) return {};
    const std::uint64_t files = found->second;
    leaving_.erase(found);
    auto* const entry = all_.find(files);
    if (entry == nullptr || --entry->facts.on_their_way != 0) return {};
    if (!entry->facts.nobody_else) {
      entry->facts = {};  // whoever still has it is counted afresh when the next user exits
      return {};
    }
    return freed(files);
  }

  // A free that was seen.
  files_id freed(std::uint64_t files) {
    const files_id ended = all_.at(files).id;
    all_.gone(files);
    return ended;
  }

 private:
  struct facts {
    std::int64_t on_their_way = 0;
    bool nobody_else = false;
  };
  live_objects<files_id, facts> all_;
  std::unordered_map<std::uint64_t, std::uint64_t> leaving_;  // task to files
};

}  // namespace trefoil::lab

#endif
