// SPDX-License-Identifier: Apache-2.0
// What is known of the living, by id, in numbered slots that are used again: so that each of several
// worlds can keep its own half of the same thing in a vector.
#ifndef TREFOIL_LAB_REPLAY_SLOTS_HPP
#define TREFOIL_LAB_REPLAY_SLOTS_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trefoil::lab {

using slot_number = std::uint32_t;
inline constexpr slot_number no_slot = 0xFFFF'FFFF;

template <class Id, class T>
class slots {
 public:
  // Null: nobody of that id is known.
  T* find(Id id) {
    const auto at = numbers_.find(id.value());
    return at == numbers_.end() ? nullptr : &all_[at->second];
  }
  T& operator[](slot_number number) { return all_[number]; }

  // Somebody who has no id yet.
  T& add() {
    slot_number number = 0;
    if (free_.empty()) {
      number = static_cast<slot_number>(all_.size());
      all_.emplace_back();
    } else {
      number = free_.back();
      free_.pop_back();
      all_[number] = T{};
    }
    all_[number].slot = number;
    ++living_;
    return all_[number];
  }
  T& add(Id id) {
    T& made = add();
    name(made, id);
    return made;
  }
  void name(T& who, Id id) {
    who.id = id;
    numbers_[id.value()] = who.slot;
  }

  void remove(T& who) {
    if (who.id) numbers_.erase(who.id.value());
    free_.push_back(who.slot);
    who = T{};
    --living_;
  }

  void clear() {
    numbers_.clear();
    all_.clear();
    free_.clear();
    living_ = 0;
  }

  std::size_t capacity() const noexcept { return all_.size(); }
  std::size_t living() const noexcept { return living_; }

 private:
  std::unordered_map<std::uint32_t, slot_number> numbers_;
  std::deque<T> all_;  // grows without moving anybody
  std::vector<slot_number> free_;
  std::size_t living_ = 0;
};

}  // namespace trefoil::lab

#endif
