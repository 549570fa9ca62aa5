// SPDX-License-Identifier: Apache-2.0
/// @file
/// Refills: threads that make and drop more than each keeps for itself, so that all of them go to what
/// they share, all the time.
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include <trefoil/trefoil.hpp>

#include "harness/crew.hpp"
#include "operations.hpp"

namespace bench {

namespace {

/// Made, then dropped, by each thread: several times what it may keep.
constexpr std::size_t at_once = 500;
/// Objects of each thread in one measurement: more than it takes for the others to arrive.
constexpr std::size_t of_each = 20 * at_once;

struct payload {
  static constexpr auto teardown = trefoil::context::process;
  std::byte room[40];
  payload() noexcept { room[0] = std::byte{1}; }
  ~payload() { asm volatile("" : : "r"(room) : "memory"); }
};
using object = trefoil::staged<payload>;
static_assert(sizeof(object) == 64);

struct staged_objects {
  using owner = trefoil::ref<object, payload>;
  static owner make() { return trefoil::make<object>(); }
};
struct shared_objects {
  struct body {
    std::byte room[48];
    body() noexcept { room[0] = std::byte{1}; }
    ~body() { asm volatile("" : : "r"(room) : "memory"); }
  };
  using owner = std::shared_ptr<body>;
  static owner make() { return std::make_shared<body>(); }
};

/// The figure is that of all threads together: from the first to the last, by the number of objects.
template <class Objects, unsigned Threads>
class refills {
 public:
  void operator()(std::size_t n) {
    const std::size_t rounds = n / (Threads * at_once);
    took_ = time_of_crew(Threads, [rounds](unsigned) {
      return [rounds, room = std::vector<typename Objects::owner>(at_once)]() mutable {
        for (std::size_t i = 0; i != rounds; ++i) {
          for (auto& owner : room) owner = Objects::make();
          for (auto& owner : room) owner = nullptr;
        }
      };
    });
  }
  [[nodiscard]] nanoseconds took() const { return took_; }

 private:
  nanoseconds took_{};
};

template <unsigned Threads>
void add(std::vector<operation>& to, std::string_view staged, std::string_view shared) {
  to.push_back(measured<refills<staged_objects, Threads>>(staged, "trefoil::make, 500 at a time",
                                                          Threads * of_each, false));
  to.push_back(measured<refills<shared_objects, Threads>>(shared, "std::make_shared, the same",
                                                          Threads * of_each, false));
}

}  // namespace

void add_refills(std::vector<operation>& to) {
  add<2>(to, "refill_2", "make_shared_refill_2");
  add<4>(to, "refill_4", "make_shared_refill_4");
  add<8>(to, "refill_8", "make_shared_refill_8");
  add<16>(to, "refill_16", "make_shared_refill_16");
  add<32>(to, "refill_32", "make_shared_refill_32");
  add<64>(to, "refill_64", "make_shared_refill_64");
}

}  // namespace bench
