// SPDX-License-Identifier: Apache-2.0
// mmap_lock where waiters sleep: who writes is alone, everybody gets it, nobody sleeps for ever.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "trefoil/mm/rw_semaphore.hpp"
#include "verify/explorer/mm_world.hpp"

namespace trefoil::explorer {

namespace {

/// What is wrong with the platform; each a fault that the programs must find.
enum class fault : std::uint8_t { none, nobody_is_woken, one_is_woken, nothing_is_ordered };

template <fault Fault>
struct lock_platform : platform {
  template <class T>
  using atomic = std::conditional_t<Fault == fault::nothing_is_ordered, unordered_atomic<T>,
                                    explorer::atomic<T>>;

  static context::state<lock_platform>& state() noexcept { return state_of_cpu<lock_platform>(); }
  static void wait(atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    execution::current()->wait(word.state(), expected);
  }
  static void wake_all(atomic<std::uint32_t>& word) noexcept {
    if constexpr (Fault != fault::nobody_is_woken)
      execution::current()->wake(&word, Fault != fault::one_is_woken);
  }
  static constexpr int turns_before_sleep = 0;
};

/// One lock, and what it guards.
template <fault Fault>
class guarded {
 public:
  using lock = mm::rw_semaphore<lock_platform<Fault>>;

  void write() {
    const typename lock::write_guard locked(lock_);
    const int before = value_.get();
    value_.set(before + 1);
  }
  void read() {
    const typename lock::read_guard locked(lock_);
    static_cast<void>(value_.get());
  }
  [[nodiscard]] int writes() const { return value_.get(); }

 private:
  lock lock_{mm::lock_class::mmap_lock};
  cell<int> value_{0};
};

/// Each letter is a thread that reads or writes once.
template <fault Fault = fault::none>
program meet(const std::string& who, const char* what = "") {
  program p;
  p.name = "mmap_lock: " + std::string(what) + who;
  p.threads = static_cast<unsigned>(who.size());
  p.expected = Fault == fault::none ? 0 : 1;
  p.main = [who] {
    guarded<Fault> it;
    const auto act = [&it](char c) { c == 'W' ? it.write() : it.read(); };
    for (std::size_t i = 1; i < who.size(); ++i) spawn([&act, c = who[i]] { act(c); });
    act(who[0]);
    execution::current()->join_all();
    if (it.writes() != std::count(who.begin(), who.end(), 'W'))
      execution::current()->fail("a write is lost");
  };
  p.at_end = [] {
    return execution::current()->bytes_in_use() == 0 ? std::string() : "memory is left";
  };
  return p;
}
const registered mm_lock("mm", []() -> std::vector<program> {
  return {
      meet("WW"),
      meet("WR"),
      large(meet("WRR")),
      large(meet("WWR")),
      meet<fault::nobody_is_woken>("WW", "known broken: nobody is woken, "),
      meet<fault::one_is_woken>("WWR", "known broken: one is woken, "),
      meet<fault::nothing_is_ordered>("WR", "known broken: nothing is ordered, "),
  };
});

}  // namespace

}  // namespace trefoil::explorer
