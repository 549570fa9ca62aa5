// SPDX-License-Identifier: Apache-2.0
/// @file
/// How many dead page directories a kind of holder had at most, at a time; although who is answerable
/// for one is known only when it goes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "machine/holder.hpp"

namespace trefoil::machine {

/// Spans of time that end now, each told whose it was. How many of one holder's lay on top of each
/// other at most is decided at an instant where one began: between two of them their number only
/// falls. A span that ends is one more at all such instants since its own beginning, and instants
/// between the beginnings of two spans that have not ended are always counted up together; so the
/// greatest number among them is all that is kept. Memory: by spans that have not ended.
///
/// One thread. Constant time, but for spans that begin at the very instant at which another ends.
class peak_by_holder {
 public:
  /// A span; stays where it is from begin() to end().
  class span {
   public:
    [[nodiscard]] bool begun() const noexcept { return before_ != nullptr; }

   private:
    friend class peak_by_holder;
    span* before_ = nullptr;
    span* after_ = nullptr;
    std::int64_t since_ = 0;
    /// The greatest number since this one's beginning and before the next one's, less the same of
    /// the span before it. (32 bits: each address space that waits has a span, and is kept small.)
    std::array<std::int32_t, holder_kinds> above_{};
  };

  peak_by_holder() noexcept : last_(&gone_) {}
  peak_by_holder(const peak_by_holder&) = delete;
  peak_by_holder& operator=(const peak_by_holder&) = delete;

  /// `now` does not go backwards from call to call. Precondition: not begun.
  void begin(span& s, std::int64_t now) noexcept {
    s.since_ = now;
    s.before_ = last_;
    s.after_ = nullptr;
    for (std::size_t i = 0; i < holder_kinds; ++i) s.above_[i] = -at_last_[i];  // none so far
    at_last_.fill(0);
    last_->after_ = &s;
    last_ = &s;
    ++living_;
  }

  /// It was that holder's. What lasts no time is no peak. Precondition: begun.
  void end(span& s, std::int64_t now, holder whose) noexcept {
    if (s.since_ != now) count(s, now, static_cast<std::size_t>(whose));
    forget(s);
  }

  /// It was nobody's. Precondition: begun.
  void forget(span& s) noexcept {
    for (std::size_t i = 0; i < holder_kinds; ++i) {
      // Its instants are from now on those of the span before it.
      const std::int32_t more = std::max(s.above_[i], 0);
      s.before_->above_[i] += more;
      const std::int32_t less = s.above_[i] - more;
      if (s.after_ != nullptr) {
        s.after_->above_[i] += less;
      } else {
        at_last_[i] -= less;
      }
    }
    s.before_->after_ = s.after_;
    (s.after_ != nullptr ? s.after_->before_ : last_) = s.before_;
    s.before_ = nullptr;
    --living_;
  }

  /// Of spans that have ended. Cost: by spans that have not.
  [[nodiscard]] std::int64_t of(holder whose) const noexcept {
    const auto i = static_cast<std::size_t>(whose);
    std::int64_t here = 0;
    std::int64_t most = 0;
    for (const span* s = &gone_; s != nullptr; s = s->after_) {
      here += s->above_[i];
      most = std::max(most, here);
    }
    return most;
  }

  /// Begun and not ended.
  [[nodiscard]] std::int64_t living() const noexcept { return living_; }

 private:
  void count(span& s, std::int64_t now, std::size_t i) noexcept {
    ++s.above_[i];
    span* unseen = nullptr;  // the first of those that begin at this instant: not counted up
    for (span* late = last_; late->since_ == now && late != &gone_; late = late->before_)
      unseen = late;
    if (unseen != nullptr) {
      --unseen->above_[i];
    } else {
      ++at_last_[i];
    }
  }

  span gone_;   // before all others: instants since which nothing lives
  span* last_;  // gone_ if nothing lives
  std::array<std::int32_t, holder_kinds> at_last_{};  // the sum of all above_: the number at last_
  std::int64_t living_ = 0;
};

}  // namespace trefoil::machine
