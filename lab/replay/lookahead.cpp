// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/lookahead.hpp"

namespace trefoil::lab {

namespace {
const std::vector<std::uint16_t> nobody;
}

lookahead::lookahead(recording_reader& from, std::size_t reach) : from_(from), reach_(reach) {
  const std::vector<std::uint16_t>& numbers = from.cpus();
  cpu_of_.resize(numbers.empty() ? 0 : numbers.back() + std::size_t{1});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    cpu_of_[numbers[i]] = static_cast<std::uint16_t>(i);
  }
}

void lookahead::read() {
  event e;
  while (!ended_ && ahead_.size() <= reach_) {
    if (!from_.next(e)) {
      ended_ = true;
      return;
    }
    e.cpu = cpu_of_[e.cpu];
    switch (e.kind) {
      case event_kind::dead_borrow:
      case event_kind::dead_drop: mms_[e.mm.value()].returns.push_back(e.cpu); break;
      case event_kind::mm_free: {
        future& f = mms_[e.mm.value()];
        f.end = e.route;
        f.ends = true;
        break;
      }
      case event_kind::task_free: frees_.insert(e.task.value()); break;
      default: break;
    }
    ahead_.push_back(e);
  }
}

void lookahead::erase_if_empty(mm_id mm) {
  const auto at = mms_.find(mm.value());
  if (at != mms_.end() && at->second.returns.empty() && !at->second.ends) mms_.erase(at);
}

void lookahead::forget(const event& e) {
  switch (e.kind) {
    case event_kind::dead_borrow:
    case event_kind::dead_drop: {
      auto& returns = mms_[e.mm.value()].returns;
      if (!returns.empty()) returns.erase(returns.begin());
      erase_if_empty(e.mm);
      break;
    }
    case event_kind::mm_free:
      mms_[e.mm.value()].ends = false;
      erase_if_empty(e.mm);
      break;
    case event_kind::task_free: frees_.erase(e.task.value()); break;
    default: break;
  }
}

bool lookahead::next(event& e) {
  if (about_to_read()) read();
  if (ahead_.empty()) return false;
  e = ahead_.front();
  ahead_.pop_front();
  forget(e);
  ++row_;
  const auto& segments = from_.segments();
  while (segment_ + 1 < segments.size() && row_ > segments[segment_].last_event) ++segment_;
  return true;
}

const std::vector<std::uint16_t>& lookahead::returns_of(mm_id mm) const {
  const auto at = mms_.find(mm.value());
  return at == mms_.end() ? nobody : at->second.returns;
}

bool lookahead::sees_end_of(mm_id mm) const {
  const auto at = mms_.find(mm.value());
  return at != mms_.end() && at->second.ends;
}

route_id lookahead::end_of(mm_id mm) const {
  const auto at = mms_.find(mm.value());
  return at == mms_.end() || !at->second.ends ? route_id{} : at->second.end;
}

}  // namespace trefoil::lab
