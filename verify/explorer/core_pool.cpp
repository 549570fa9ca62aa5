// SPDX-License-Identifier: Apache-2.0
// Memory: the lock, the exchange of blocks between threads, slabs that go back, stocks, big blocks.
//
// Whoever has a block has it alone, and sees what was done to it before; a slab goes back when nobody
// has a block of it; at the end each block is where it should be, and all memory goes back.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "trefoil/memory/big_pool.hpp"
#include "trefoil/memory/depot.hpp"
#include "trefoil/memory/short_lock.hpp"
#include "trefoil/pool.hpp"
#include "verify/explorer/core_world.hpp"

namespace trefoil::explorer {

namespace {

// ---- platforms --------------------------------------------------------------------------------------

/// Memory is asked for and given back at level `process` alone.
template <class P, unsigned Turns>
struct strict : platform {
  static constexpr unsigned lock_turns = Turns;

  static context::state<P>& state() noexcept { return state_of_cpu<P>(); }

  static void* allocate(std::size_t bytes, std::size_t align) noexcept {
    at_process();
    return execution::current()->allocate(bytes, align, /*lasting=*/false);
  }
  static void deallocate(void* p, std::size_t bytes, std::size_t align) noexcept {
    at_process();
    platform::deallocate(p, bytes, align);
  }

 private:
  static void at_process() noexcept {
    if (P::state().here() != process)
      execution::current()->fail("the platform is asked for memory below level process");
  }
};

/// A lock that turns once before it sleeps; at level `atomic` until it has it.
struct patient : strict<patient, 1> {};
/// It sleeps at once; at level `atomic` it gives up at once.
struct hasty : strict<hasty, 0> {};

/// Threads have stocks. One for each CPU: an interrupt must not touch that of the thread it interrupts.
template <class P>
struct with_stocks : strict<P, 0> {
  template <class T>
  static T& local() noexcept {
    struct place {
      T value;
      std::uint64_t seen_in = 0;
    };
    static std::array<place, most_threads> places;
    execution& now = *execution::current();
    place& mine = places[now.cpu()];
    if (mine.seen_in != now.number()) {
      mine.seen_in = now.number();
      std::construct_at(&mine.value);
    }
    if (now.cpu() != now.running()) now.fail("an interrupt touches a thread's stock");
    return mine.value;
  }

  static bool at_thread_exit(thread_exit_hook& hook) noexcept {
    thread_exit_hook*& first = hooks();
    hook.next = first;
    first = &hook;
    return true;
  }
  /// By each thread, last of all.
  static void thread_ends() noexcept {
    while (thread_exit_hook* const hook = hooks()) {
      hooks() = hook->next;
      hook->run(*hook);
    }
  }

 private:
  static thread_exit_hook*& hooks() noexcept {
    struct list {
      thread_exit_hook* first = nullptr;
      std::uint64_t seen_in = 0;
    };
    static std::array<list, most_threads> lists;
    list& mine = lists[execution::current()->cpu()];
    const std::uint64_t number = execution::current()->number();
    if (std::exchange(mine.seen_in, number) != number) mine.first = nullptr;
    return mine.first;
  }
};
struct stocked : with_stocks<stocked> {};
/// Whether something was dropped is a step like others, and may be read stale.
struct unsure : with_stocks<unsure> {
  template <class T>
  using statistic = explorer::atomic<T>;
};

template <class P>
using level_scope = context::basic_scope<P>;

// ---- who has which block ----------------------------------------------------------------------------

/// A free block, as raw_blocks; but what its users write to is there from the time when it was cut, so
/// that a user who does not see what the last one did is noticed. As a slab's, it lasts while free.
template <class P, bool TypeStable = false>
struct marked_blocks {
  struct marked : deferred<P> {
    cell<int> mark;
  };
  static constexpr bool type_stable = TypeStable;
  static deferred<P>* carve(void* at) noexcept { return ::new (at) marked; }
  static deferred<P>* freed(void* at) noexcept {
    use(at);
    return ::new (at) deferred<P>;
  }
  static void use(void* at) noexcept { static_cast<marked*>(at)->mark.set(1); }
};

/// Of this execution; the explorer's, no step of the program.
class owners {
 public:
  static owners& now() {
    static owners here;
    const std::uint64_t number = execution::current()->number();
    if (std::exchange(here.of_, number) != number) here.held_.clear();
    return here;
  }
  void has(void* block) {
    if (!held_.insert(block).second) execution::current()->fail("a block is handed out twice");
  }
  void gives(void* block) {
    if (held_.erase(block) == 0) execution::current()->fail("a block is given that nobody has");
  }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }

 private:
  std::set<void*> held_;
  std::uint64_t of_ = 0;
};

void must(bool holds, const char* what) {
  if (!holds) execution::current()->fail(what);
}

program program_on_memory(std::string name, unsigned threads, std::function<void()> main) {
  program p;
  p.name = std::move(name);
  p.threads = threads;
  p.main = std::move(main);
  p.at_end = [] {
    return std::string(execution::current()->bytes_in_use() == 0 ? "" : "memory is left");
  };
  return p;
}

// ---- the lock ---------------------------------------------------------------------------------------

template <class P>
struct guarded {
  short_lock<P> lock;
  cell<int> inside{0};

  void enter_and_leave() {
    lock.lock();
    visit();
  }
  void enter_at(context::level here) {
    const level_scope<P> scope(here);
    if (lock.lock_at(here)) visit();
  }
  void try_to_enter() {
    if (lock.try_lock()) visit();
  }
  void visit() {
    const int before = inside.get();
    inside.set(before + 1);
    lock.unlock();
  }
};

/// Each increments; nobody sleeps for ever, and who comes in sees what was done before.
template <class P>
program lock_of(unsigned threads, unsigned times, const char* how, context::level second) {
  return program_on_memory("a short lock: " + std::to_string(threads) + " threads, " +
                               std::to_string(times) + " times each, " + how,
                           threads, [threads, times, second] {
                             guarded<P> g;
                             for (unsigned i = 1; i < threads; ++i) {
                               spawn([&g, times, second] {
                                 for (unsigned t = 0; t < times; ++t) {
                                   if (second == process) g.enter_and_leave();
                                   if (second == atomic_level) g.enter_at(atomic_level);
                                   if (second == any) g.try_to_enter();
                                 }
                               });
                             }
                             for (unsigned t = 0; t < times; ++t) g.enter_at(process);
                             execution::current()->join_all();
                             g.lock.lock();
                             const int entered = g.inside.get();
                             g.lock.unlock();
                             const auto most = static_cast<int>(threads * times);
                             must(entered <= most, "somebody was inside more than once");
                             if (second == process || P::lock_turns != 0)
                               must(entered == most, "somebody's visit is lost");
                           });
}

// ---- the depot --------------------------------------------------------------------------------------

template <class P, std::size_t Size, bool TypeStable = false>
class exchange {
  using blocks = marked_blocks<P, TypeStable>;
  using depot = trefoil::depot<P, Size, 64, blocks>;
  using node = deferred<P>;
  using slab = typename depot::slab;

 public:
  /// What a thread does. It is given a chain of blocks of its own, `batch` of them.
  struct operation {
    std::string name;
    std::function<void(exchange&, node*)> does;
    bool needs_blocks = true;
    bool interrupts = false;  // comes in between the first thread's steps
  };

  static std::vector<operation> operations() {
    return {
        {"take", [](exchange& d, node*) { d.keep(d.take(process, depot::batch)); }, false},
        {"take and put_magazine",
         [](exchange& d, node*) { d.put_or_drop(d.take(process, depot::batch), process); }, false},
        {"take one at atomic",
         [](exchange& d, node*) {
           const level_scope<P> here(atomic_level);
           d.keep(d.take(atomic_level, 1));
         },
         false},
        {"put_magazine", [](exchange& d, node* mine) { d.put_magazine(mine, process); }},
        {"put_magazine at atomic",
         [](exchange& d, node* mine) {
           const level_scope<P> here(atomic_level);
           d.put_magazine(mine, atomic_level);
         }},
        {"put", [](exchange& d, node* mine) { d.put_each(mine, process); }},
        {"put_all", [](exchange& d, node* mine) { d.depot_.put_all(d.given(mine)); }},
        {"drop", [](exchange& d, node* mine) { d.drop_each(mine); }},
        {"drop in an interrupt", [](exchange& d, node* mine) { d.drop_each(mine); }, true, true},
        {"tidy", [](exchange& d, node*) { d.depot_.tidy(process); }, false},
        {"trim", [](exchange& d, node*) { static_cast<void>(d.depot_.trim()); }, false},
        {"figures", [](exchange& d, node*) { d.look(); }, false},
    };
  }

  /// How it is when the operations begin.
  enum class start : unsigned char {
    nothing,        // what operations are given comes from one slab; nothing else is there
    slab_used_up,   // and all else of the slab is held by the first thread, to the end
    magazine_full,  // and there is a magazine
    dropped_some,   // and something was dropped that nobody has looked at
  };
  static const char* name_of(start s) {
    switch (s) {
      case start::nothing: return "";
      case start::slab_used_up: return ", of a slab that is used up";
      case start::magazine_full: return ", beside a magazine";
      case start::dropped_some: return ", beside dropped blocks";
    }
    return "";
  }

  static program make(const std::string& where, std::vector<operation> each, start from) {
    std::string name = where + ": ";
    for (const operation& o : each) name += (&o == each.data() ? "" : " | ") + o.name;
    name += name_of(from);
    const auto threads = static_cast<unsigned>(each.size());
    return program_on_memory(std::move(name), threads, [each = std::move(each), from] {
      exchange here;
      here.run(each, from);
    });
  }

 private:
  static void for_each(node* chain, const std::function<void(node&)>& does) {
    while (chain != nullptr) {
      node* const next = chain->next.get();
      does(*chain);
      chain = next;
    }
  }
  static node* taken(node* chain, std::size_t count) {
    for_each(chain, [&](node& n) {
      owners::now().has(&n);
      blocks::use(&n);
      --count;
    });
    must(count == 0, "take() gives another number of blocks than it says");
    return chain;
  }
  /// As a chain of free blocks.
  static node* given(node* chain) {
    node* all = nullptr;
    for_each(chain, [&](node& n) {
      owners::now().gives(&n);
      node* const free = blocks::freed(&n);
      free->next.set(all);
      all = free;
    });
    return all;
  }

  node* take(context::level here, std::size_t wanted) {
    std::size_t got = 0;
    node* const chain = depot_.take(here, wanted, got);
    must(got <= wanted, "take() gives more than was wanted");
    if (here == process) must(got != 0, "no memory, though the platform has some");
    return taken(chain, got);
  }
  void keep(node* chain) {
    if (chain != nullptr) kept_[execution::current()->running()].push_back(chain);
  }
  void put_magazine(node* chain, context::level here) { depot_.put_magazine(*given(chain), here); }
  // What is less than a magazine cannot be put as one.
  void put_or_drop(node* chain, context::level here) {
    std::size_t count = 0;
    for_each(chain, [&](node&) { ++count; });
    if (count == depot::batch) return put_magazine(chain, here);
    drop_each(chain);
  }
  void put_each(node* chain, context::level here) {
    for_each(given(chain), [&](node& n) { depot_.put(n, here); });
  }
  void drop_each(node* chain) {
    const level_scope<P> here(any);
    for_each(given(chain), [&](node& n) { depot_.drop(n); });
  }
  void look() {
    const pool_figures f = depot_.figures(process);
    must(f.living + f.cached + f.shared == f.slabs * slab::blocks(), "the figures do not add up");
    must(f.bytes == f.slabs * slab::bytes(), "the bytes are not those of the slabs");
  }

  void run(const std::vector<operation>& each, start from) {
    execution& now = *execution::current();
    std::vector<node*> chains(each.size());
    for (std::size_t i = 0; i != each.size(); ++i) {
      if (each[i].needs_blocks) chains[i] = take(process, depot::batch);
    }
    std::vector<node*> others;
    if (from != start::nothing) others.push_back(take(process, depot::batch));
    if (from == start::slab_used_up) {
      const level_scope<P> here(atomic_level);
      while (node* const more = take(atomic_level, 1)) others.push_back(more);
    }
    if (from == start::magazine_full) put_magazine(std::exchange(others.back(), nullptr), process);
    if (from == start::dropped_some) drop_each(std::exchange(others.back(), nullptr));
    for (std::size_t i = 1; i != each.size(); ++i) {
      now.spawn([this, &each, &chains, i] { each[i].does(*this, chains[i]); }, /*daemon=*/false,
                each[i].interrupts ? 0 : execution::nobody);
    }
    each[0].does(*this, chains[0]);
    now.join_all();
    end(others);
  }

  void end(const std::vector<node*>& others) {
    const pool_figures f = depot_.figures(process);
    must(f.living == owners::now().held(), "blocks are lost, or counted as living");
    must(f.cached == 0, "blocks that nobody has are counted as cached");
    for (const auto& of_thread : kept_) {
      for (node* const chain : of_thread) depot_.put_all(given(chain));
    }
    for (node* const chain : others) depot_.put_all(given(chain));
    must(owners::now().held() == 0, "the program has lost a block");
    const std::size_t had = depot_.bytes();
    must(depot_.trim() == had, "trim() tells another number than it gave back");
    must(depot_.bytes() == 0, "trim() does not give all back");
  }

  depot depot_;
  std::array<std::vector<node*>, most_threads> kept_;
};

// ---- the pool: threads with stocks ----------------------------------------------------------------

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

/// What was dropped at level `any` goes back though the only thread that is at it needs nothing from
/// the depot: it looks whether something was dropped.
program noticed() {
  program p = program_on_memory("the depot: what is dropped at any is noticed", 2, [] {
    using P = unsure;
    using depot = trefoil::depot<P, 32768, 64, marked_blocks<P>>;  // each block has its slab
    depot all;
    std::array<deferred<P>*, 3> blocks{};
    std::size_t got = 0;
    for (auto& b : blocks) b = all.take(process, 1, got);
    spawn([&] {
      const level_scope<P> here(any);
      for (auto* const b : blocks) all.drop(*marked_blocks<P>::freed(b));
    });
    const auto look = [&all] {
      if (all.dropped_some()) all.tidy(process);
    };
    look();
    look();
    execution::current()->join_all();
    for (int i = 0; i != 4; ++i) look();
    must(all.slabs() <= 1, "what was dropped at any stays");
    static_cast<void>(all.trim());
  });
  p.most_stale_reads = 0;  // the notice is a hint: a stale one is made good by the next
  p.never_stale = true;
  return p;
}

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

// ---- registered -------------------------------------------------------------------------------------

/// By several short visits to what the other does the same to.
bool visits_often(const std::string& operation) {
  return operation == "trim" || operation == "figures" || operation.find("make") == 0 ||
         operation == "take and put_magazine" || operation == "drop many";
}

/// Every operation beside every one; interrupts come beside what they interrupt. `large`: which are
/// left to the long run.
template <class Operation>
void for_each_pair(const std::vector<Operation>& operations,
                   const std::function<void(std::vector<Operation>, bool often)>& add) {
  for (std::size_t a = 0; a != operations.size(); ++a) {
    if (operations[a].interrupts) continue;
    for (std::size_t b = 0; b != operations.size(); ++b) {
      if (b < a && !operations[b].interrupts) continue;
      add({operations[a], operations[b]},
          visits_often(operations[a].name) && visits_often(operations[b].name));
    }
  }
}

template <class Exchange>
void add_pairs(std::vector<program>& all, const std::string& where, bool large) {
  using start = typename Exchange::start;
  using operations = std::vector<typename Exchange::operation>;
  for (const start from :
       {start::nothing, start::slab_used_up, start::magazine_full, start::dropped_some}) {
    for_each_pair<typename Exchange::operation>(
        Exchange::operations(), [&](operations each, bool often) {
          all.push_back(Exchange::make(where, std::move(each), from));
          all.back().large = large || often;
        });
  }
}

/// Three threads: the named operations.
template <class Exchange>
program three(const std::string& where, const std::array<const char*, 3>& names,
              typename Exchange::start from, bool large) {
  std::vector<typename Exchange::operation> each;
  for (const char* const name : names) {
    for (const auto& o : Exchange::operations()) {
      if (o.name == name) each.push_back(o);
    }
  }
  program p = Exchange::make(where, std::move(each), from);
  p.large = large;
  p.most_stale_reads = 1;
  return p;
}

const registered locks("memory", []() -> std::vector<program> {
  return {
      lock_of<patient>(2, 2, "one turn", process),
      lock_of<hasty>(2, 2, "no turn", process),
      lock_of<hasty>(3, 1, "no turn", process),
      lock_of<patient>(2, 2, "one turn, beside level atomic", atomic_level),
      lock_of<hasty>(3, 1, "no turn, beside level atomic", atomic_level),
      lock_of<hasty>(3, 1, "beside who tries", any),
  };
});

const registered depots("memory", []() -> std::vector<program> {
  std::vector<program> all;
  using ones = exchange<hasty, 32768>;
  using twos = exchange<hasty, 15360>;
  add_pairs<ones>(all, "a depot, blocks one by one", false);
  add_pairs<twos>(all, "a depot, blocks in twos", true);
  add_pairs<exchange<patient, 32768>>(all, "a depot, whose lock turns", true);
  using start = ones::start;
  const std::string where = "a depot, blocks one by one";
  const auto add = [&](const std::array<const char*, 3>& names, start from, bool large) {
    all.push_back(three<ones>(where, names, from, large));
  };
  add({"take", "take", "put_magazine"}, start::nothing, true);
  add({"take", "put_magazine", "drop"}, start::slab_used_up, false);
  add({"take", "put", "drop in an interrupt"}, start::nothing, false);
  add({"put_magazine", "put", "drop"}, start::slab_used_up, false);
  add({"put_magazine", "put_magazine", "tidy"}, start::magazine_full, true);
  add({"take", "trim", "put_magazine"}, start::magazine_full, true);
  add({"take one at atomic", "put_magazine at atomic", "drop"}, start::dropped_some, false);
  add({"put_all", "take", "drop"}, start::dropped_some, true);
  return all;
});

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
  all.push_back(noticed());
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
