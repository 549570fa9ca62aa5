// SPDX-License-Identifier: Apache-2.0
/// @file
/// What a CPU has loaded while it runs kernel tasks: somebody's page directory, borrowed.
#pragma once

#include <new>
#include <optional>
#include <utility>

#include "machine/held.hpp"
#include "trefoil/lazy_pin.hpp"

namespace trefoil::machine {

/// Keeps the page directory by a count, or by the CPU's slot: as the design says. Its CPU's own; of a
/// CPU that is down, the one's that finishes its work.
class lazy_tlb {
 public:
  /// Throws std::bad_alloc: one that counts because there is no memory for a slot would be another design.
  explicit lazy_tlb(bool by_slot) {
    if (!by_slot) return;
    slot_.emplace();
    if (slot_->counts()) throw std::bad_alloc();
  }

  /// Precondition: empty.
  void borrow(const user_ref& from) noexcept {
    if (slot_) {
      slot_->borrow(from);
    } else {
      counted_ = from.share<page_directory>();
    }
  }
  /// Takes over what has been counted already. Precondition: empty.
  void adopt(lazy_ref counted) noexcept {
    if (slot_) {
      slot_->borrow(counted);
    } else {
      counted_ = std::move(counted);
    }
  }
  /// May tear down, as every drop. Empty before it does.
  void give_back() noexcept {
    if (slot_) {
      slot_->give_back();
    } else {
      counted_.drop();
    }
  }

  /// A return may tear something down. False: somebody else keeps the page directory, and on one thread
  /// that is so until the return. By slot nobody knows before he has looked.
  [[nodiscard]] bool may_be_last() const noexcept { return slot_ || counted_.use_count() == 1; }

  [[nodiscard]] explicit operator bool() const noexcept { return address() != nullptr; }
  /// Whose; null: nobody's.
  [[nodiscard]] const address_space* address() const noexcept {
    return slot_ ? slot_->address() : counted_.address();
  }

 private:
  std::optional<lazy_pin<address_space>> slot_;
  lazy_ref counted_;
};

}  // namespace trefoil::machine
