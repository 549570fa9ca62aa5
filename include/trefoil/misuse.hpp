// SPDX-License-Identifier: Apache-2.0
/// @file
/// Misuse: what a program can get wrong with counted references that the type system cannot see.
///
/// The answer is always the same (rule: saturate, report once, leak): the program goes on, the
/// object in question is kept for ever rather than freed under somebody's feet, and the platform is
/// told. The first five kinds are those of Linux's `refcount_t` (lib/refcount.c).
#pragma once

#include <cstddef>
#include <cstdint>

namespace trefoil {

/// | kind                 | what happened                                       | what is done about it        |
/// | -------------------- | --------------------------------------------------- | ---------------------------- |
/// | `add_overflow`       | copy or share beyond the usable range (ADD_OVF)     | the count saturates, leak    |
/// | `add_not_zero_overflow` | promote or try_acquire beyond it (ADD_NOT_ZERO_OVF) | the count saturates, leak |
/// | `add_on_zero`        | a reference taken on a tier that is gone (ADD_UAF)  | the count saturates, leak    |
/// | `sub_underflow`      | more drops than references (SUB_UAF)                | the count saturates, leak    |
/// | `static_last_drop`   | the last reference of a static object was dropped (DEC_LEAK) | refused: the object stays |
/// | `level_exceeded`     | a token or scope claims more than the level here    | the lower level is used      |
/// | `forbidden_level`    | an inline-only object's last drop at too low a level | leak                        |
/// | `no_defer`           | a tier marked `no_defer` had to be deferred         | it is deferred all the same  |
/// | `flush_refused`      | flush() in a teardown, in a reclaimer, or below `process` | flush returns false    |
/// | `help_refused`       | help() or poll() in a teardown or below the level they need | they return 0        |
/// | `slot_at_any`        | a locking slot was used at level `any`              | load: empty; store: refused  |
/// | `trim_refused`       | pool trim below `process`                           | trim returns 0               |
/// | `kill_refused`       | a kill that has to wait, of an inline-only object below `process` | kill returns false |
/// |                      | or the kernel refuses membarrier(2), which it did not before | leak              |
enum class misuse : std::uint8_t {
  add_overflow,
  add_not_zero_overflow,
  add_on_zero,
  sub_underflow,
  static_last_drop,
  level_exceeded,
  forbidden_level,
  no_defer,
  flush_refused,
  help_refused,
  slot_at_any,
  trim_refused,
  kill_refused,
};

/// How many kinds there are.
inline constexpr std::size_t misuse_kinds = 13;

/// One line of English for a kind. Context: any. Cost: a table look-up.
[[nodiscard]] constexpr const char* describe(misuse kind) noexcept {
  switch (kind) {
    case misuse::add_overflow: return "count saturated by a copy or share; object leaked";
    case misuse::add_not_zero_overflow: return "count saturated by a promote; object leaked";
    case misuse::add_on_zero: return "reference taken on a tier that is gone; object leaked";
    case misuse::sub_underflow: return "more drops than references; object leaked";
    case misuse::static_last_drop: return "last reference of a static object dropped; refused";
    case misuse::level_exceeded: return "token or scope claims more than the level here; ignored";
    case misuse::forbidden_level: return "inline-only object dropped at too low a level; leaked";
    case misuse::no_defer: return "a tier marked no_defer was deferred";
    case misuse::flush_refused: return "flush called in a teardown or below level process; refused";
    case misuse::help_refused:
      return "help or poll called in a teardown or at too low a level; refused";
    case misuse::slot_at_any: return "locking slot used at level any; refused";
    case misuse::trim_refused: return "pool trim below level process; refused";
    case misuse::kill_refused: return "a kill cannot wait for other CPUs here; refused or leaked";
  }
  return "unknown misuse";
}

}  // namespace trefoil
