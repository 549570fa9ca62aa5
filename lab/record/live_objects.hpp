// SPDX-License-Identifier: Apache-2.0
// Kernel addresses to ids. An address names one object only until that is freed; the next one there
// has another id.
#ifndef TREFOIL_LAB_RECORD_LIVE_OBJECTS_HPP
#define TREFOIL_LAB_RECORD_LIVE_OBJECTS_HPP

#include <cstdint>
#include <unordered_map>

namespace trefoil::lab {

template <class Id, class Facts>
class live_objects {
 public:
  struct entry {
    Id id;
    Facts facts{};
  };

  // Whoever lives there, born before the recording if need be.
  entry& at(std::uint64_t address) {
    const auto [found, fresh] = all_.try_emplace(address);
    if (fresh) found->second.id = next();
    return found->second;
  }

  // Somebody new, who has an address that perhaps was another's.
  entry& born(std::uint64_t address) {
    return all_.insert_or_assign(address, entry{next(), {}}).first->second;
  }

  entry* find(std::uint64_t address) {
    const auto found = all_.find(address);
    return found == all_.end() ? nullptr : &found->second;
  }

  void gone(std::uint64_t address) { all_.erase(address); }

  std::int64_t seen() const noexcept { return next_; }

 private:
  Id next() { return Id{next_++}; }

  std::unordered_map<std::uint64_t, entry> all_;
  typename Id::number next_ = 0;
};

}  // namespace trefoil::lab

#endif
