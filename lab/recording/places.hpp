// SPDX-License-Identifier: Apache-2.0
// Where an event fired: the CPU, the name and kind of its current task, context and route. There
// are some hundred different ones in a recording of any length, so an event refers to one by
// number: that is four columns less to write and to read for each.
#ifndef TREFOIL_LAB_RECORDING_PLACES_HPP
#define TREFOIL_LAB_RECORDING_PLACES_HPP

#include "lab/recording/event.hpp"
#include "lab/recording/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace trefoil::lab {

struct place {
  std::uint16_t cpu = 0;
  sampled_context context{};
  actor who{};
  comm_id comm;
  route_id route;

  friend bool operator==(const place&, const place&) = default;
};

inline place place_of(const event& e) { return {e.cpu, e.context, e.who, e.comm, e.route}; }

inline void set_place(event& e, const place& at) {
  e.cpu = at.cpu;
  e.context = at.context;
  e.who = at.who;
  e.comm = at.comm;
  e.route = at.route;
}

class place_table {
 public:
  using number = std::uint32_t;

  number intern(const place& one) {
    const std::size_t hash = hash_of(one);
    number& guess = recent_[hash % recent_.size()];
    if (guess < places_.size() && places_[guess] == one) return guess;
    const auto [found, fresh] = index_.try_emplace(one, static_cast<number>(places_.size()));
    if (fresh) places_.push_back(one);
    return guess = found->second;
  }

  const std::vector<place>& all() const noexcept { return places_; }

 private:
  static std::size_t hash_of(const place& one) {
    const std::uint64_t small = std::uint64_t{one.cpu} << 16 |
                                static_cast<std::uint64_t>(one.context) << 8 |
                                static_cast<std::uint64_t>(one.who);
    const std::uint64_t named = std::uint64_t{one.comm.value()} << 32 | one.route.value();
    std::uint64_t mixed = (small * 0x9e3779b97f4a7c15U) ^ (named * 0xc2b2ae3d27d4eb4fU);
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed);
  }

  struct hasher {
    std::size_t operator()(const place& one) const { return hash_of(one); }
  };

  std::vector<place> places_;
  std::unordered_map<place, number, hasher> index_;
  std::array<number, 256> recent_{};
};

}  // namespace trefoil::lab

#endif
