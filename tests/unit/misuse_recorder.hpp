// SPDX-License-Identifier: Apache-2.0
/// @file
/// Tells a test which misuses were reported.
#pragma once

#include <trefoil/misuse.hpp>
#include <trefoil/os/misuse_report.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <map>
#include <ostream>

namespace trefoil {

/// For GoogleTest's messages.
inline void PrintTo(misuse kind, std::ostream* out) { *out << '"' << describe(kind) << '"'; }

}  // namespace trefoil

/// How often each kind was reported; kinds that were not are left out.
using misuses = std::map<trefoil::misuse, unsigned>;

/// Counts the misuses that any thread reports while it lives. One at a time.
class misuse_recorder {
 public:
  misuse_recorder() {
    for (auto& count : counts_) count.store(0);
    before_ =
        trefoil::misuse_report::set_handler([](trefoil::misuse kind, const void* what) noexcept {
          counts_[static_cast<std::size_t>(kind)].fetch_add(1);
          last_subject_.store(what);
        });
  }
  ~misuse_recorder() { trefoil::misuse_report::set_handler(before_); }
  misuse_recorder(const misuse_recorder&) = delete;
  misuse_recorder& operator=(const misuse_recorder&) = delete;

  /// The misuses since the last look.
  [[nodiscard]] misuses take() {
    misuses seen;
    for (std::size_t i = 0; i < trefoil::misuse_kinds; ++i) {
      const unsigned count = counts_[i].exchange(0);
      if (count != 0) seen.emplace(static_cast<trefoil::misuse>(i), count);
    }
    return seen;
  }

  /// The address in the last report.
  [[nodiscard]] const void* last_subject() const { return last_subject_.load(); }

 private:
  static inline std::array<std::atomic<unsigned>, trefoil::misuse_kinds> counts_{};
  static inline std::atomic<const void*> last_subject_{nullptr};
  trefoil::misuse_report::handler before_ = nullptr;
};
