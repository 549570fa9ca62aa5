// SPDX-License-Identifier: Apache-2.0
// Pools: threads with stocks, those that never make, big blocks.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "trefoil/memory/big_pool.hpp"
#include "trefoil/pool.hpp"
#include "verify/explorer/core_memory.hpp"

namespace trefoil::explorer {

namespace {

/// As `exchange`, with threads that make and drop: two blocks a magazine, five a stock.
template <class Pool, class P>
class crowd {
 public:
  using given = std::vector<void*>;
  struct operation {
    std::string name;
    std::function<void(crowd&, const given&)> does;
    std::size_t needs = 0;    // blocks that it is given
    bool interrupts = false;  // comes in between the first thread's steps
    bool makes_none = false;  // the thread never has
  };

  /// `many`: blocks, more than a stock has room for.
  static std::vector<operation> operations(std::size_t many) {
    const auto drops = [](context::level here) {
      return [here](crowd& c, const given& mine) { c.drop(mine, here); };
    };
    return {
        {"make", [](crowd& c, const given&) { c.keep(c.make(process)); }},
        {"make and drop", [](crowd& c, const given&) { c.drop({c.make(process)}, process); }},
        {"make at atomic", [](crowd& c, const given&) { c.keep(c.make(atomic_level)); }},
        {"drop", drops(process), 1},
        {"drop many", drops(process), many},
        {"drop many at atomic", drops(atomic_level), many},
        {"drop and make",
         [](crowd& c, const given& mine) {
           c.drop(mine, process);
           c.keep(c.make(process));
         },
         1},
        {"drop at any", drops(any), 1},
        {"drop in an interrupt", drops(any), 1, true},
        {"drop, having made none", drops(process), 3, false, true},
        {"end", [](crowd&, const given&) { ends(); }},
        {"trim", [](crowd&, const given&) { static_cast<void>(Pool::trim()); }},
        {"figures", [](crowd&, const given&) { static_cast<void>(look()); }},
    };
  }

  /// `stock`: blocks that the first thread has in its stock when the operations begin.
  static program make_program(const std::string& where, std::vector<operation> each,
                              std::size_t stock) {
    std::string name = where + ": ";
    for (const operation& o : each) name += (&o == each.data() ? "" : " | ") + o.name;
    if (stock != 0) name += ", the first has some";
    const auto threads = static_cast<unsigned>(each.size());
    program p = program_on_memory(std::move(name), threads, [each = std::move(each), stock] {
      crowd here;
      here.run(each, stock);
    });
    p.most_stale_reads = 0;  // the depot's own programs have them
    return p;
  }

 private:
  static void ends() {
    if constexpr (requires { P::thread_ends(); }) P::thread_ends();
  }
  void* make(context::level here) {
    const level_scope<P> scope(here);
    void* const block = Pool::allocate(here);
    if (block == nullptr) {
      must(here != process, "no memory, though the platform has some");
      return nullptr;
    }
    owners::now().has(block);
    marked_blocks<P>::use(block);
    return block;
  }
  void keep(void* block) {
    if (block != nullptr) kept_[execution::current()->running()].push_back(block);
  }
  void drop(const given& blocks, context::level here) {
    const level_scope<P> scope(here);
    for (void* const block : blocks) {
      owners::now().gives(block);
      Pool::release(block, here);
    }
  }
  static pool_figures look() {
    const pool_figures f = Pool::figures();
    if constexpr (requires { Pool::slab_bytes; }) {
      using slab = trefoil::slab<P, 15360, 64, marked_blocks<P>>;
      static_assert(Pool::slab_bytes == slab::bytes());
      must(f.living + f.cached + f.shared == f.slabs * slab::blocks(), "the figures do not add up");
    } else {
      must(f.living + f.shared == f.slabs, "the figures do not add up");
    }
    return f;
  }

  /// Opens step by step: each thread waits there until it may go on, so that only the operations
  /// themselves come in all orders.
  class gate {
   public:
    void open(std::uint32_t step) noexcept {
      word_.store(step, std::memory_order_release);
      P::wake_all(word_);
    }
    void pass(std::uint32_t step) noexcept {
      for (;;) {
        const std::uint32_t now = word_.load(std::memory_order_acquire);
        if (now >= step) return;
        P::wait(word_, now);
      }
    }

   private:
    atomic<std::uint32_t> word_{0};
  };

  void run(const std::vector<operation>& each, std::size_t stock) {
    execution& now = *execution::current();
    given spare;
    for (std::size_t i = 0; i != stock; ++i) spare.push_back(make(process));
    std::vector<given> theirs(each.size());
    for (std::size_t i = 0; i != each.size(); ++i) {
      while (theirs[i].size() != each[i].needs) theirs[i].push_back(make(process));
    }
    std::array<gate, 4> gates;
    for (std::size_t i = 1; i != each.size(); ++i) {
      if (each[i].interrupts) continue;
      spawn([this, &operation = each[i], &mine = theirs[i], &its = gates[i]] {
        if (!operation.makes_none) drop({make(process)}, process);  // from now on the pool knows it
        its.pass(1);
        operation.does(*this, mine);
        its.pass(2);
        ends();
      });
      now.until_idle();
    }
    drop(spare, process);
    for (std::size_t i = 1; i != each.size(); ++i) {
      if (each[i].interrupts) {
        now.spawn([this, &operation = each[i], &mine = theirs[i]] { operation.does(*this, mine); },
                  /*daemon=*/false, 0);
      } else {
        gates[i].open(1);
      }
    }
    each[0].does(*this, theirs[0]);
    now.until_idle();
    now.learn_all();
    must(look().living == owners::now().held(), "blocks are lost, or counted as living");
    for (std::size_t i = 1; i != each.size(); ++i) {
      gates[i].open(2);
      now.until_idle();
    }
    for (const given& of_thread : kept_) drop(of_thread, process);
    must(owners::now().held() == 0, "the program has lost a block");
    const std::size_t had = Pool::bytes_reserved();
    must(Pool::trim() == had, "trim() tells another number than it gave back");
    must(Pool::bytes_reserved() == 0, "trim() does not give all back");
    ends();
  }

  std::array<given, most_threads> kept_;
};

/// What a finder may still look at does not go back before trim().
template <class Pool, class P>
program type_stable(const char* where) {
  return program_on_memory(std::string(where) + ": type-stable memory stays until trim", 2, [] {
    std::vector<void*> blocks;
    for (int i = 0; i != 3; ++i) blocks.push_back(Pool::allocate(process));
    // Beside what the pool itself uses of a block.
    void* const within = static_cast<std::byte*>(blocks.front()) + 4096;
    atomic<int>& seen = *::new (within) atomic<int>(0);
    spawn([&seen] { static_cast<void>(seen.load(std::memory_order_acquire)); });
    for (void* const b : blocks) Pool::release(b, process);
    Pool::release(Pool::allocate(process), process);
    execution::current()->join_all();
    static_cast<void>(seen.load(std::memory_order_relaxed));
    static_cast<void>(Pool::trim());
    must(Pool::bytes_reserved() == 0, "trim() does not give all back");
    if constexpr (requires { P::thread_ends(); }) P::thread_ends();
  });
}

const registered pools("memory", []() -> std::vector<program> {
  std::vector<program> all;
  using P = stocked;
  using threads = crowd<pool<P, 15360, 64, marked_blocks<P>>, P>;
  for (const std::size_t stock : {0U, 5U}) {
    for_each_pair<threads::operation>(
        threads::operations(6), [&](std::vector<threads::operation> each, bool often) {
          const bool trims = each[0].name == "trim" || each[1].name == "trim";
          if (trims && (often || stock != 0)) return;  // no end in sight; the depot's has one
          all.push_back(threads::make_program("the pool", std::move(each), stock));
          all.back().large = often;
        });
  }
  all.push_back(type_stable<pool<P, 15360, 64, marked_blocks<P, true>>, P>("the pool"));
  return all;
});

const registered big_pools("memory", []() -> std::vector<program> {
  std::vector<program> all;
  using P = hasty;
  using threads = crowd<big_pool<P, 65536, 64, marked_blocks<P>>, P>;
  for_each_pair<threads::operation>(
      threads::operations(3), [&](std::vector<threads::operation> each, bool often) {
        all.push_back(threads::make_program("big blocks", std::move(each), 0));
        all.back().large = often;
      });
  all.push_back(type_stable<big_pool<P, 65536, 64, marked_blocks<P, true>>, P>("big blocks"));
  return all;
});

}  // namespace

}  // namespace trefoil::explorer
