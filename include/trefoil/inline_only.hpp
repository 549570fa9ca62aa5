// SPDX-License-Identifier: Apache-2.0
/// @file
/// The reclaimer of objects that must never be deferred.
#pragma once

namespace trefoil {

/// Every teardown runs inside the drop that caused it. `drop(token)` of a level that does not allow
/// all of the reference's teardowns does not compile; a drop whose level is known at run time only
/// and too low is reported (`misuse::forbidden_level`) and leaks the object.
struct inline_only {
  static constexpr bool defers = false;
};

}  // namespace trefoil
