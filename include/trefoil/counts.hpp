// SPDX-License-Identifier: Apache-2.0
/// @file
/// The counts: how many references each tier has, and who tears it down.
///
/// This page is the theory; `packed_counts.hpp` and `wide_counts.hpp` are the two implementations.
///
/// Tiers are numbered from the outside: 0 is the outermost, N-1 the innermost. All holders of tier
/// k together own ONE reference on tier k+1 (the collective reference):
///
///     count[0]   = holders of tier 0
///     count[k+1] = holders of tier k+1  +  (count[k] != 0)
///
/// Each count is a BIASED field of W bits, so that neither an overflow nor an underflow reaches the
/// neighbour before it is repaired:
///
///     field value      0 ... Z/2 ... Z-1 | Z    | Z+1 ......... 2Z-1 | 2Z ......... 4Z-1       Z = 2^(W-2)
///     meaning            underflow,      | zero | 1 ...          Z-1 | saturated, pinned at 3Z
///                        Z/2: owned      | dead | references         | for ever
///
/// The usable range is 1 ... Z-1 references. A count that leaves it is pinned: set to 3Z by a
/// compare-exchange of that field alone, reported once, and never torn down. From 3Z it takes Z more
/// misuses in flight at once to get anywhere else. (Without the bias, one bad put of the pgd would
/// borrow from, and so steal, a user.)
///
/// What a holder may do, by the state of the field of tier k:
///
/// | field of tier k  | get (holds k)      | put (holds k)             | promote to k (holds a lower tier) | its owner                  |
/// | ---------------- | ------------------ | ------------------------- | ------------------------- | ---------------------------------- |
/// | dead             | misuse: pinned     | misuse: pinned            | fails                     | tears k down, or has done so       |
/// | owned            | (nobody holds)     | (nobody holds)            | fails                     | builds the object, or tears tiers outside k down; owns k without a count |
/// | 1                | -> 2               | -> dead; the caller is now the owner | -> 2           |                                    |
/// | 2 ... Z-2        | +1                 | -1; object not touched again | +1                     |                                    |
/// | Z-1              | misuse: pinned     | -1                        | misuse: pinned, succeeds  |                                    |
/// | pinned           | stays              | stays                     | succeeds                  |                                    |
///
/// The life of an object in these terms (three tiers; `o` owned, `-` dead):
///
/// | step                                     | tier 0 | 1 | 2 |
/// | ---------------------------------------- | ------ | - | - |
/// | make() begins (`beginning::closed`)      | o      | o | o |
/// | all tiers are constructed                | 1      | 1 | 1 |
/// | share<2>, then the last ref<0> goes      | -      | 1 | 2 |
/// | tier 0 is torn down, its collective put  | -      | - | 2 |
/// | tier 1 is torn down, its collective put  | -      | - | 1 |
///
/// UNIQUE OWNER (packed word only). A drop begins with one acquire load. If it shows every tier
/// from k inwards at 1 and every tier outside k dead, nobody else has a reference, and for objects
/// that are only found through references nobody can get one: the caller owns all of it. It closes
/// tier k and marks the inner ones `owned` with a plain store, tears down, looks whether a teardown
/// MINTED a reference to an inner tier meanwhile (`ref_from_tier`), and goes on: no read-modify-write
/// at all. Minting turns `owned` fields back into counted ones, by a read-modify-write, and from
/// there on the ordinary rules hold. For FINDABLE objects the closing store is a compare-exchange. An
/// object that a CPU has ever PINNED has no unique owner: who pins it may share what is inside.
///
/// | operation          | order                       | why                                                        |
/// | ------------------ | --------------------------- | ---------------------------------------------------------- |
/// | get                | relaxed                     | the caller has a reference: the tier is visible to it and cannot go |
/// | promote, try_acquire | acquire on success        | pairs with finish() of a findable object, so that a finder sees constructed tiers; and with the releases of earlier puts |
/// | put, demote        | release                     | what the holder did to the tier happens before its teardown |
/// | after the last put | acquire load of the same word | pairs with those releases (an RMW chain keeps them all in its release sequence) |
/// | unique owner's look | acquire load               | likewise                                                   |
/// | closing store      | relaxed                     | nobody else reads the word, or (findable) whoever reads it as closed does nothing |
///
/// There are no standalone fences: ThreadSanitizer does not see them.
///
/// After a put that was not the last, nothing of the object may be touched: another thread may be
/// freeing it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trefoil::detail {

/// What the counts of a new object begin with.
enum class beginning : unsigned char {
  closed,  ///< every tier is its maker's, none can be had: until finish()
  open,    ///< one reference to tier 0: where no constructor can look or fail (construction.hpp)
};

/// The constants of one biased field (the diagram above).
template <class Word, unsigned Width>
struct biased_field {
  static_assert(Width >= 8 && Width <= sizeof(Word) * 8, "trefoil: a count field has 8 to 64 bits");

  static constexpr Word one = 1;
  static constexpr Word mask = static_cast<Word>(~Word{0}) >> (sizeof(Word) * 8 - Width);
  static constexpr Word dead = one << (Width - 2);
  static constexpr Word owned = one << (Width - 3);
  static constexpr Word last_usable = 2 * dead - 1;
  static constexpr Word saturated = 2 * dead;
  static constexpr Word pinned = 3 * dead;
  static constexpr Word usable = dead - 1;  // the most references there can be

  /// A value from which a reference may be taken without further thought: 1 ... Z-2 references.
  [[nodiscard]] static constexpr bool takes_one_more(Word v) noexcept {
    return v - (dead + 1) < dead - 2;
  }
  /// A value from which a reference may be dropped that is not the last: 2 ... Z-1 references.
  [[nodiscard]] static constexpr bool drops_to_alive(Word v) noexcept {
    return v - (dead + 2) < dead - 2;
  }
  /// Pinned before, give or take what is in flight; nothing to repair or report.
  [[nodiscard]] static constexpr bool settled(Word v) noexcept {
    return v >= pinned - owned / 2 && v <= pinned + owned / 2;
  }
  /// Out of the usable range, or leaving it, and not pinned yet: what is to be reported. (Between
  /// this and settled: pinned, and drifted away by many drops.)
  [[nodiscard]] static constexpr bool unreported(Word v) noexcept { return v < saturated + owned; }
  /// References counted, for diagnosis; `owned` is the owner's one.
  [[nodiscard]] static constexpr Word holders(Word v) noexcept {
    if (v == owned) return 1;
    return v <= dead ? 0 : v - dead;
  }
};

}  // namespace trefoil::detail
