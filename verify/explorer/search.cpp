// SPDX-License-Identifier: Apache-2.0
#include "verify/explorer/search.hpp"

#include <algorithm>
#include <bit>
#include <sstream>

namespace trefoil::explorer {

bool search::next_execution() {
  if (following_ && !first_) return false;
  if (!first_) {
    // Back to the deepest choice that has an alternative.
    while (!path_.empty()) {
      node& last = path_.back();
      while (!last.values.empty() && last.values.back().chosen + 1 == last.values.back().count) {
        last.values.pop_back();
      }
      if (!last.values.empty()) {
        ++last.values.back().chosen;
        break;
      }
      // This thread's step has been seen with all values.
      last.asleep |= only(last.thread);
      const thread_set left = last.backtrack & ~last.done & ~last.asleep;
      if (left != 0) {
        last.thread = static_cast<unsigned>(std::countr_zero(left));
        last.done |= only(last.thread);
        break;
      }
      path_.pop_back();
    }
    if (path_.empty()) return false;
  }
  first_ = false;
  depth_ = 0;
  value_ = 0;
  std::fill(knows_.begin(), knows_.end(), clock_vector{});
  return true;
}

// The step that `thread` takes now, at depth_ (counted from one after it): which earlier steps could
// have come after it?
void search::find_races(unsigned thread, const access& step) {
  clock_vector& mine = knows_[thread];
  for (std::size_t i = depth_; i-- > 0;) {
    node& earlier = path_[i];
    if (earlier.thread == thread) continue;
    const access& other = earlier.pending[earlier.thread];
    if (!step.depends_on(other)) continue;
    if (!mine.covers(earlier.thread, static_cast<std::uint32_t>(i + 1))) {
      // A race: some thread that leads to our step has to be tried before that one.
      thread_set ways = 0;
      for (unsigned q = 0; q < most_threads; ++q) {
        const bool leads = q == thread || mine.at[q] > i + 1;
        if (leads && (earlier.enabled & only(q)) != 0) ways |= only(q);
      }
      if (ways == 0) {
        earlier.backtrack |= earlier.enabled;
      } else if ((ways & only(thread)) != 0) {
        earlier.backtrack |= only(thread);
      } else if ((ways & earlier.backtrack) == 0) {
        earlier.backtrack |= ways & (~ways + 1);
      }
    }
    // From here on, what comes before that step comes before ours.
    mine.join(earlier.before);
    mine.at[earlier.thread] = std::max(mine.at[earlier.thread], static_cast<std::uint32_t>(i + 1));
  }
}

unsigned search::choose(thread_set enabled, const std::vector<access>& pending,
                        unsigned preferred) {
  value_ = 0;
  if (depth_ == path_.size()) {
    node fresh;
    fresh.enabled = enabled;
    fresh.pending = pending;
    if (depth_ != 0) {
      const node& parent = path_.back();
      const access& step = parent.pending[parent.thread];
      for (unsigned q = 0; q < most_threads; ++q) {
        const bool sleeps = (parent.asleep & only(q)) != 0 && q != parent.thread;
        if (sleeps && !step.depends_on(parent.pending[q])) fresh.asleep |= only(q);
      }
    }
    const thread_set awake = enabled & ~fresh.asleep;
    if (awake == 0) return most_threads;
    fresh.thread =
        (awake & only(preferred)) != 0 ? preferred : static_cast<unsigned>(std::countr_zero(awake));
    fresh.backtrack = fresh.done = only(fresh.thread);
    path_.push_back(std::move(fresh));
  } else {
    // The same program, the same choices: the same state.
    path_[depth_].enabled = enabled;
    path_[depth_].pending = pending;
  }
  node& here = path_[depth_];
  find_races(here.thread, here.pending[here.thread]);
  ++depth_;
  clock_vector& mine = knows_[here.thread];
  here.before = mine;
  mine.at[here.thread] = static_cast<std::uint32_t>(depth_);
  return here.thread;
}

unsigned search::choose_value(unsigned count) {
  if (count < 2) return 0;
  node& here = path_[depth_ - 1];
  if (value_ == here.values.size()) here.values.push_back({0, count});
  return here.values[value_++].chosen;
}

std::string search::seed() const {
  std::ostringstream text;
  for (std::size_t i = 0; i < depth_; ++i) {
    text << (i == 0 ? "" : ".") << path_[i].thread;
    for (const value_choice& v : path_[i].values) text << '-' << v.chosen;
  }
  return text.str();
}

void search::follow(const std::string& seed) {
  following_ = true;
  std::istringstream steps(seed);
  for (std::string step; std::getline(steps, step, '.');) {
    std::istringstream parts(step);
    std::string part;
    std::getline(parts, part, '-');
    node one;
    one.thread = static_cast<unsigned>(std::stoul(part));
    while (std::getline(parts, part, '-')) {
      one.values.push_back({static_cast<unsigned>(std::stoul(part)), most_threads});
    }
    path_.push_back(std::move(one));
  }
}

}  // namespace trefoil::explorer
