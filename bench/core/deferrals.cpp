// SPDX-License-Identifier: Apache-2.0
/// @file
/// How many teardowns get through when all of them must be deferred: from the first drop until the last
/// object is gone, whoever does it.
#include <algorithm>
#include <cstddef>
#include <vector>

#include <trefoil/trefoil.hpp>

#include "operations.hpp"
#include "staged_long.hpp"

namespace bench {

namespace {

namespace context = trefoil::context;

/// Drops in one go: long enough that waking the worker at its beginning (some microseconds)
/// disappears, short enough that the objects fit the second-level cache.
constexpr std::size_t burst = 4096;

/// Teardowns between two runs of a list, as a lock is held for some of them.
constexpr std::size_t handed_back = 64;

class many_busy {
 public:
  explicit many_busy(std::size_t n) : owners_(n) {
    for (auto& owner : owners_) owner = trefoil::make<staged_busy>();
  }

 protected:
  std::vector<trefoil::ref<staged_busy, busy_outer>> owners_;
};

/// Dropped at level `any`, torn down by the worker.
struct through_the_worker : many_busy {
  using many_busy::many_busy;
  void operator()(std::size_t) {
    {
      const context::scope here{context::any};
      for (auto& owner : owners_) owner.drop();
    }
    trefoil::worker::flush();
  }
};

/// Dropped into a list, torn down by the dropper after its lock.
struct through_a_list : many_busy {
  using many_busy::many_busy;
  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; i += handed_back) {
      trefoil::deferred_list later;
      for (std::size_t k = i; k < std::min(i + handed_back, n); ++k) owners_[k].drop_into(later);
      later.run();
    }
  }
};

}  // namespace

void add_deferrals(std::vector<operation>& to) {
  to.push_back(measured<through_the_worker>("deferred", "by the worker, until all are gone", burst,
                                            /*countable=*/false));
  to.push_back(
      measured<through_a_list>("deferred_in_batches", "by the dropper, 64 at a time", burst));
}

}  // namespace bench
