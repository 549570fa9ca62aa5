// SPDX-License-Identifier: Apache-2.0
// Numbers that name the objects of a recording. One type per kind of object: an mm is not a task.
//
// An id names ONE object for the length of a recording: a kernel address that is reused gets a new
// id. A default-constructed id names nothing.
#ifndef TREFOIL_LAB_RECORDING_IDS_HPP
#define TREFOIL_LAB_RECORDING_IDS_HPP

#include <compare>
#include <cstdint>
#include <limits>

namespace trefoil::lab {

template <class Tag>
class id {
 public:
  using number = std::uint32_t;

  // Zero is an ordinary id, so "none" is the number at the other end.
  static constexpr number none = std::numeric_limits<number>::max();

  constexpr id() = default;
  constexpr explicit id(number value) noexcept : value_(value) {}

  constexpr number value() const noexcept { return value_; }
  constexpr explicit operator bool() const noexcept { return value_ != none; }

  friend constexpr auto operator<=>(id, id) = default;

 private:
  number value_ = none;
};

using mm_id = id<struct mm_tag>;
using task_id = id<struct task_tag>;
using files_id = id<struct files_tag>;      // files_struct: the table of open files
using sighand_id = id<struct sighand_tag>;  // sighand_struct: lives as long as the thread group

// Names are written once and referred to: entries of a recording's dictionaries.
using comm_id = id<struct comm_tag>;
using route_id = id<struct route_tag>;

}  // namespace trefoil::lab

#endif
