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
  for (auto& steps : at_location_) steps.clear();
  for (auto& steps : at_sleepers_) steps.clear();
  for (auto& steps : on_cpu_) steps.clear();
  return true;
}

// The step that `thread` takes now, at depth_ (counted from one after it): which earlier steps could
// have come after it? Only those back to the last write need a look: what is before that is before
// ours, too. All that change the same sleepers, or share a CPU, come one after the other.
void search::find_races(unsigned thread, const access& step) {
  if (step.location < at_location_.size()) {
    const std::vector<std::size_t>& there = at_location_[step.location];
    for (std::size_t k = there.size(); k-- > 0;) {
      compare(thread, step, there[k]);
      if (path_[there[k]].pending[path_[there[k]].thread].writes) break;
    }
  }
  if (step.sleepers < at_sleepers_.size() && !at_sleepers_[step.sleepers].empty()) {
    compare(thread, step, at_sleepers_[step.sleepers].back());
  }
  if (step.cpu == access::nothing) return;
  const std::vector<std::size_t>& here = on_cpu_[step.cpu];
  if (!here.empty()) compare(thread, step, here.back());
}

void search::compare(unsigned thread, const access& step, std::size_t earlier) {
  const node& other = path_[earlier];
  const access& its = other.pending[other.thread];
  if (other.thread == thread || !step.depends_on(its)) return;
  clock_vector& mine = knows_[thread];
  const auto number = static_cast<std::uint32_t>(earlier + 1);
  if (!mine.covers(other.thread, number)) {
    // An interrupt comes as a whole, before or after a step of what it interrupts.
    try_before(thread, step.shares_cpu(its) ? begin_of_interrupt(earlier) : earlier);
  }
  // From here on, what comes before that step comes before ours.
  mine.join(other.before);
  mine.at[other.thread] = std::max(mine.at[other.thread], number);
}

// A race: some thread that leads to our step has to be tried before the earlier one.
void search::try_before(unsigned thread, std::size_t earlier) {
  const clock_vector& mine = knows_[thread];
  node& other = path_[earlier];
  thread_set ways = 0;
  for (unsigned q = 0; q < most_threads; ++q) {
    const bool leads = q == thread || mine.at[q] > earlier + 1;
    if (leads && (other.enabled & only(q)) != 0) ways |= only(q);
  }
  if (ways == 0) {
    other.backtrack |= other.enabled;
  } else if ((ways & only(thread)) != 0) {
    other.backtrack |= only(thread);
  } else if ((ways & other.backtrack) == 0) {
    other.backtrack |= ways & (~ways + 1);
  }
}

// The first step of the interrupt that `step` belongs to; `step` itself if it belongs to none.
std::size_t search::begin_of_interrupt(std::size_t step) const {
  const unsigned thread = path_[step].thread;
  for (std::size_t i = step + 1; i-- > 0;) {
    if (path_[i].thread == thread && path_[i].pending[thread].interrupts) return i;
  }
  return step;
}

void search::remember(const access& step) {
  const auto among = [this](std::vector<std::vector<std::size_t>>& all, std::size_t which) {
    if (which == access::nothing) return;
    if (which >= all.size()) all.resize(which + 1);
    all[which].push_back(depth_);
  };
  among(at_location_, step.location);
  among(at_sleepers_, step.sleepers);
  if (step.cpu != access::nothing) on_cpu_[step.cpu].push_back(depth_);
}

void search::join_all(unsigned thread) {
  for (const clock_vector& other : knows_) knows_[thread].join(other);
}

void search::released(unsigned thread) {
  const node& now = path_[depth_ - 1];
  knows_[thread].join(now.before);
  knows_[thread].at[now.thread] = static_cast<std::uint32_t>(depth_);
}

// What is asleep would only repeat what an explored sibling of the step before has shown.
void search::begin_reduced(node& fresh, unsigned preferred) const {
  if (!path_.empty()) {
    const node& parent = path_.back();
    const access& step = parent.pending[parent.thread];
    for (unsigned q = 0; q < most_threads; ++q) {
      const bool sleeps = (parent.asleep & only(q)) != 0 && q != parent.thread;
      if (sleeps && !step.depends_on(parent.pending[q])) fresh.asleep |= only(q);
    }
  }
  const thread_set awake = fresh.enabled & ~fresh.asleep;
  fresh.thread = awake == 0                       ? most_threads
                 : (awake & only(preferred)) != 0 ? preferred
                                                  : static_cast<unsigned>(std::countr_zero(awake));
  if (fresh.thread != most_threads) fresh.backtrack = only(fresh.thread);
}

// Begins and ends of threads are no steps of the program.
void search::begin_every(node& fresh) const {
  fresh.backtrack = fresh.enabled;
  for (unsigned q = 0; q < most_threads; ++q) {
    const access& next = fresh.pending[q];
    const bool silent = next.location == access::nothing && next.sleepers == access::nothing;
    if ((fresh.enabled & only(q)) != 0 && silent) fresh.backtrack = only(q);
  }
  fresh.thread = static_cast<unsigned>(std::countr_zero(fresh.backtrack));
}

unsigned search::choose(thread_set enabled, const std::vector<access>& pending,
                        unsigned preferred) {
  value_ = 0;
  if (depth_ == path_.size()) {
    node fresh;
    fresh.enabled = enabled;
    fresh.pending = pending;
    if (how_ == thoroughness::every) {
      begin_every(fresh);
    } else {
      begin_reduced(fresh, preferred);
    }
    if (fresh.thread == most_threads) return most_threads;
    fresh.done = only(fresh.thread);
    path_.push_back(std::move(fresh));
  } else {
    // The same program, the same choices: the same state.
    path_[depth_].enabled = enabled;
    path_[depth_].pending = pending;
  }
  node& here = path_[depth_];
  past_ = knows_[here.thread];
  if (how_ == thoroughness::reduced) {
    find_races(here.thread, here.pending[here.thread]);
    remember(here.pending[here.thread]);
  }
  ++depth_;
  clock_vector& mine = knows_[here.thread];
  here.before = mine;
  mine.at[here.thread] = static_cast<std::uint32_t>(depth_);
  return here.thread;
}

unsigned search::choose_value(unsigned count) {
  if (count < 2 || how_ == thoroughness::every) return 0;
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
