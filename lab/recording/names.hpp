// SPDX-License-Identifier: Apache-2.0
// The two dictionaries of a recording whose entries are open-ended: names of tasks (comm) and
// routes. Their size is the number of different names, not of events.
#ifndef TREFOIL_LAB_RECORDING_NAMES_HPP
#define TREFOIL_LAB_RECORDING_NAMES_HPP

#include "lab/recording/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace trefoil::lab {

template <class Id>
class dictionary {
 public:
  dictionary() = default;
  dictionary(const dictionary&) = delete;  // the index points into the texts
  dictionary& operator=(const dictionary&) = delete;

  Id intern(std::string_view text) {
    // Names come in runs, and there are few at a time: most of them are found here.
    const std::size_t slot = slot_of(text);
    if (const Id guess = recent_[slot]; guess && texts_[guess.value()] == text) return guess;
    auto found = index_.find(text);
    if (found == index_.end()) {
      const Id fresh{static_cast<typename Id::number>(texts_.size())};
      found = index_.emplace(texts_.emplace_back(text), fresh).first;
    }
    return recent_[slot] = found->second;
  }

  // Of a name that would be one more than `most`, `rest` takes the place.
  Id intern(std::string_view text, std::size_t most, std::string_view rest) {
    if (size() + 1 < most || index_.contains(text)) return intern(text);
    return intern(rest);
  }

  std::string_view text(Id name) const { return texts_[name.value()]; }
  std::size_t size() const { return texts_.size(); }

 private:
  static std::size_t slot_of(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t i) {
      return std::size_t(static_cast<unsigned char>(text[i]));
    };
    return (byte(0) * 5 + byte(text.size() / 2) * 3 + byte(text.size() - 1) + text.size()) % 64;
  }

  std::deque<std::string> texts_;  // a deque: the index refers to the texts, which must not move
  std::unordered_map<std::string_view, Id> index_;
  std::array<Id, 64> recent_{};
};

struct names {
  dictionary<comm_id> comms;
  dictionary<route_id> routes;
};

}  // namespace trefoil::lab

#endif
