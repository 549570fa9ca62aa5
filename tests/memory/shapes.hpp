// SPDX-License-Identifier: Apache-2.0
// The shapes: ways in which programs make objects, hand them over and drop them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <mutex>
#include <span>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "meter.hpp"
#include "objects.hpp"

namespace memory {

/// Small objects are counted in groups: to count each would cost more than to make it.
template <class Objects>
inline constexpr std::size_t group = Objects::bytes >= 4096 ? 1 : 64;

template <class Objects>
using owners = std::span<typename Objects::owner>;

template <class Objects>
void make_all(meter& m, owners<Objects> all) {
  if constexpr (group<Objects> == 1) {
    for (auto& owner : all) {
      m.made(Objects::bytes);  // before: a constructor that writes to all of it takes its time
      owner = Objects::make();
    }
    return;
  }
  std::size_t uncounted = 0;
  for (auto& owner : all) {
    owner = Objects::make();
    if (++uncounted == group<Objects>) m.made(std::exchange(uncounted, 0) * Objects::bytes);
  }
  m.made(uncounted * Objects::bytes);
}

template <class Objects>
void drop_all(meter& m, owners<Objects> all) {
  for (std::size_t i = 0; i != all.size(); ++i) {
    if (i % group<Objects> == 0)
      m.will_drop(std::min(group<Objects>, all.size() - i) * Objects::bytes);
    all[i] = nullptr;
  }
}
/// Neighbours not one after the other: so that a thread's last ones are of different slabs.
template <class Objects>
void drop_all_in_strides(meter& m, owners<Objects> all) {
  constexpr std::size_t stride = 37;
  for (std::size_t first = 0; first != std::min(stride, all.size()); ++first) {
    for (std::size_t i = first; i < all.size(); i += stride)
      drop_all<Objects>(m, all.subspan(i, 1));
  }
}
template <class Objects>
void drop_all_at_any(meter& m, owners<Objects> all) {
  const context::scope here{context::any};
  drop_all<Objects>(m, all);
}

/// A crew of threads, each with a number; joined at its end.
class crew {
 public:
  template <class Body>
  crew(unsigned threads, Body body) {
    all_.reserve(threads);
    for (unsigned i = 0; i != threads; ++i) all_.emplace_back([body, i] { body(i); });
  }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  ~crew() { join(); }
  void join() {
    for (std::thread& t : all_) t.join();
    all_.clear();
  }

 private:
  std::vector<std::thread> all_;
};

/// Each waits until the number of those that arrived is right.
class steps {
 public:
  void wait_for(unsigned step) const noexcept {
    for (unsigned now = at_.load(); now < step; now = at_.load()) at_.wait(now);
  }
  void advance() noexcept {
    at_.fetch_add(1);
    at_.notify_all();
  }

 private:
  std::atomic<unsigned> at_{0};
};

/// How many objects a burst of so many bytes is.
template <class Objects>
constexpr std::size_t objects_in(std::size_t bytes) {
  return std::max<std::size_t>((sanitized ? bytes / 32 : bytes) / Objects::bytes, 4);
}

/// Room for owners, touched.
template <class Objects>
std::vector<typename Objects::owner> room_for(std::size_t n) {
  return std::vector<typename Objects::owner>(n);
}

/// Makes and drops ONE object at a time, until what the burst took is back; not for ever.
template <class Objects>
void wait_in_operations(meter& m, std::size_t burst, std::size_t threads_left) {
  constexpr std::size_t step = 256;
  const std::size_t most = 16 * burst + 10'000;
  std::size_t done = 0;
  while (done < most && !m.is_back(threads_left)) {
    for (std::size_t i = 0; i != step; ++i) {
      const typename Objects::owner one = Objects::make();
      static_cast<void>(one);
    }
    done += step;
  }
  m.took_operations(done);
}

// ---- (a) each makes and drops in turn --------------------------------------------------------------

/// 500 each, or what is 4 MiB.
template <class Objects>
constexpr std::size_t each_has = std::clamp<std::size_t>(4 * mib / Objects::bytes, 1, 500);

template <class Objects>
void in_turn(meter& m, unsigned threads) {
  std::vector<std::vector<typename Objects::owner>> rooms;
  for (unsigned i = 0; i != threads; ++i) rooms.push_back(room_for<Objects>(each_has<Objects>));
  m.begin(threads, 1);
  crew all(threads, [&](unsigned i) {
    while (!m.time_is_up()) {
      make_all<Objects>(m, rooms[i]);
      drop_all<Objects>(m, rooms[i]);
    }
  });
  all.join();
  m.check(Objects::figures_of(0));
  m.end(0);
}

// ---- (b) round robin: three sizes, 64 at a time ----------------------------------------------------

/// One batch of owners that somebody left for somebody else.
template <class Objects>
class mailbox {
 public:
  using batch = std::array<typename Objects::owner, 64>;

  /// False: the last one is still there.
  [[nodiscard]] bool leave(batch& what) {
    const std::lock_guard guard(mutex_);
    if (full_) return false;
    std::swap(what, batch_);
    full_ = true;
    return true;
  }
  [[nodiscard]] bool fetch(batch& what) {
    const std::lock_guard guard(mutex_);
    if (!full_) return false;
    std::swap(what, batch_);
    full_ = false;
    return true;
  }

 private:
  std::mutex mutex_;
  batch batch_;
  bool full_ = false;
};

template <class Objects>
void hand_on(meter& m, mailbox<Objects>& to, mailbox<Objects>& from) {
  typename mailbox<Objects>::batch batch;
  make_all<Objects>(m, batch);
  if (!to.leave(batch)) drop_all<Objects>(m, batch);
  if (from.fetch(batch)) drop_all<Objects>(m, batch);
}
template <class Objects>
void empty_box(meter& m, mailbox<Objects>& box) {
  typename mailbox<Objects>::batch batch;
  if (box.fetch(batch)) drop_all<Objects>(m, batch);
}

template <class... Objects>
void round_robin(meter& m, unsigned threads) {
  using boxes = std::tuple<mailbox<Objects>...>;
  std::vector<boxes> all(threads);
  m.begin(threads, sizeof...(Objects));
  crew them(threads, [&](unsigned i) {
    boxes& next = all[(i + 1) % threads];
    while (!m.time_is_up()) {
      (hand_on<Objects>(m, std::get<mailbox<Objects>>(next), std::get<mailbox<Objects>>(all[i])),
       ...);
    }
  });
  them.join();
  for (boxes& left : all) (empty_box<Objects>(m, std::get<mailbox<Objects>>(left)), ...);
  (wait_in_operations<Objects>(m, threads * 64, 1), ...);
  (m.check(Objects::figures_of(0)), ...);
  m.end(1);
}

// ---- (c) one makes, another drops ------------------------------------------------------------------

enum class dropped { here, at_any };

/// `pairs` of them.
template <class Objects, dropped How>
void producer_consumer(meter& m, unsigned pairs) {
  constexpr std::size_t boxes = 4;
  std::vector<std::array<mailbox<Objects>, boxes>> all(pairs);
  std::vector<std::atomic<bool>> over(pairs);
  m.begin(2 * pairs, 1);
  crew them(2 * pairs, [&](unsigned i) {
    auto& between = all[i / 2];
    typename mailbox<Objects>::batch batch;
    if (i % 2 == 0) {
      for (std::size_t at = 0; !m.time_is_up(); at = (at + 1) % boxes) {
        make_all<Objects>(m, batch);
        while (!between[at].leave(batch)) std::this_thread::yield();
      }
      over[i / 2].store(true);
      return;
    }
    for (std::size_t at = 0;; at = (at + 1) % boxes) {
      bool last = false;
      while (!between[at].fetch(batch)) {
        if (last) return;
        last = over[i / 2].load();  // and then one look more
        std::this_thread::yield();
      }
      if constexpr (How == dropped::at_any) {
        drop_all_at_any<Objects>(m, batch);
      } else {
        drop_all<Objects>(m, batch);
      }
    }
  });
  them.join();
  wait_in_operations<Objects>(m, pairs * boxes * 64, 1);
  m.check(Objects::figures_of(0));
  m.end(1);
}

// ---- (d) a burst, and what comes after it ----------------------------------------------------------

enum class burst_ends { by_its_maker, by_another, at_any, at_any_by_another, by_the_worker };

template <class Objects, burst_ends How>
void burst(meter& m, std::size_t bytes) {
  const std::size_t n = objects_in<Objects>(bytes);
  auto all = room_for<Objects>(n);
  steps step;
  // There from the beginning and to the end: what it keeps for itself is within the bound.
  crew other(How == burst_ends::by_another || How == burst_ends::at_any_by_another ? 1 : 0,
             [&](unsigned) {
               step.wait_for(1);
               if constexpr (How == burst_ends::at_any_by_another) {
                 drop_all_at_any<Objects>(m, all);
               } else {
                 drop_all<Objects>(m, all);
               }
               step.advance();
               step.wait_for(3);
             });
  const std::size_t threads = How == burst_ends::by_its_maker || How == burst_ends::at_any ? 1 : 2;
  m.begin(threads, 1);
  make_all<Objects>(m, all);
  m.sample();
  m.check(Objects::figures_of(n));
  if constexpr (How == burst_ends::by_its_maker) {
    drop_all<Objects>(m, all);
  } else if constexpr (How == burst_ends::at_any) {
    drop_all_at_any<Objects>(m, all);
  } else if constexpr (How == burst_ends::by_the_worker) {
    drop_all_at_any<Objects>(m, all);
    trefoil::worker::flush();
  } else {
    step.advance();
    step.wait_for(2);
  }
  wait_in_operations<Objects>(m, n, threads);
  m.end(threads);
  m.check(Objects::figures_of(0));
  step.advance();
}

// ---- (e) threads that come and go ------------------------------------------------------------------

/// Each drops what one before it left, and leaves as much to one after it.
template <class Objects>
void come_and_go(meter& m, unsigned at_a_time) {
  const std::size_t n = std::clamp<std::size_t>(mib / Objects::bytes, 2, 2000);
  std::vector<std::vector<typename Objects::owner>> left;
  for (unsigned i = 0; i != at_a_time; ++i) left.push_back(room_for<Objects>(n));
  m.begin(at_a_time + 1, 1);
  bool first = true;
  while (!m.time_is_up()) {
    crew generation(at_a_time, [&](unsigned i) {
      if (!first) drop_all<Objects>(m, left[i]);
      make_all<Objects>(m, left[i]);
    });
    generation.join();
    first = false;
  }
  for (auto& each : left) drop_all<Objects>(m, each);
  wait_in_operations<Objects>(m, at_a_time * n, 1);
  m.check(Objects::figures_of(0));
  m.end(1);
}

// ---- (f) drops at `any` all the time, beside one that makes and drops in turn ----------------------

template <class Objects>
void drops_at_any(meter& m, unsigned threads) {
  const std::size_t n = std::clamp<std::size_t>(2 * mib / Objects::bytes, 1, 500);
  std::vector<std::vector<typename Objects::owner>> rooms;
  for (unsigned i = 0; i != threads; ++i) rooms.push_back(room_for<Objects>(n));
  m.begin(threads, 1);
  crew all(threads, [&](unsigned i) {
    while (!m.time_is_up()) {
      if (i == 0) {
        const typename Objects::owner one = Objects::make();
        static_cast<void>(one);
        continue;
      }
      make_all<Objects>(m, rooms[i]);
      drop_all_at_any<Objects>(m, rooms[i]);
    }
  });
  all.join();
  wait_in_operations<Objects>(m, threads * n, 1);
  m.end(1);
  m.check(Objects::figures_of(0));
}

// ---- (g) findable objects: theirs until trim -------------------------------------------------------

template <class Objects>
void trimmed(meter& m, std::size_t bytes) {
  const std::size_t n = objects_in<Objects>(bytes);
  auto all = room_for<Objects>(n);
  m.begin(1, 1);
  for (int i = 0; i != 3; ++i) {
    make_all<Objects>(m, all);
    m.sample();
    drop_all<Objects>(m, all);
  }
  m.check(Objects::figures_of(0));
  static_cast<void>(Objects::trim());
  m.end(1);
}

// ---- (h) some live on ------------------------------------------------------------------------------

/// What a slab takes, as far as it is ever touched.
template <class Objects>
inline constexpr std::size_t slab_of =
    Objects::bytes >= 64 * kib
        ? Objects::bytes
        : std::max<std::size_t>(4096,
                                std::bit_ceil((Objects::bytes <= 4096 ? 8 : 4) * Objects::bytes));

/// Every hundredth. It keeps its slab (memory/slab.hpp), and no more than that.
template <class Objects>
void survivors(meter& m, std::size_t bytes) {
  const std::size_t n = objects_in<Objects>(bytes);
  auto all = room_for<Objects>(n);
  m.begin(1, 1);
  make_all<Objects>(m, all);
  m.sample();
  std::size_t live_on = 0;
  for (std::size_t i = 0; i != n; ++i) {
    if (i % 100 == 50) {
      ++live_on;
    } else {
      drop_all<Objects>(m, owners<Objects>(all).subspan(i, 1));
    }
  }
  m.check(Objects::figures_of(live_on));
  m.kept_by_the_living(live_on * slab_of<Objects>);
  wait_in_operations<Objects>(m, n, 1);
  m.end(1);
}

// ---- (i) a burst by one thread after the other, which all stay -------------------------------------

/// And of each size, one after the other.
template <class... Objects>
void bursts_by_turns(meter& m, unsigned threads, std::size_t bytes) {
  std::tuple rooms{room_for<Objects>(objects_in<Objects>(bytes))...};
  constexpr unsigned sizes = sizeof...(Objects);
  steps turn;
  m.begin(threads, sizes);
  crew all(threads, [&](unsigned i) {
    unsigned size = 0;
    const auto in_my_turn = [&]<class One>(owners<One> room) {
      turn.wait_for(threads * size++ + i);
      make_all<One>(m, room);
      m.sample();
      drop_all_in_strides<One>(m, room);
      turn.advance();
    };
    std::apply([&](auto&... room) { (in_my_turn.template operator()<Objects>(room), ...); }, rooms);
    turn.wait_for(threads * sizes + 1);
  });
  turn.wait_for(threads * sizes);
  (m.check(Objects::figures_of(0)), ...);
  m.end(threads);
  turn.advance();
}

// ---- (j) a burst of one size after the other -------------------------------------------------------

template <class... Objects>
void bursts_of_sizes(meter& m, std::size_t bytes) {
  std::tuple rooms{room_for<Objects>(objects_in<Objects>(bytes))...};
  m.begin(1, sizeof...(Objects));
  for (int i = 0; i != 2; ++i) {
    std::apply(
        [&m](auto&... room) {
          (..., [&m](auto& it) {
            make_all<Objects>(m, it);
            m.sample();
            drop_all<Objects>(m, it);
          }(room));
        },
        rooms);
  }
  (m.check(Objects::figures_of(0)), ...);
  m.end(1);
}

// ---- (k) idle threads ------------------------------------------------------------------------------

/// Each had as many at a time as are 10 MiB, at most 10.
template <class Objects>
void idle_threads(meter& m, unsigned threads) {
  const std::size_t n = std::min<std::size_t>(10, objects_in<Objects>(10 * mib));
  std::vector<std::vector<typename Objects::owner>> rooms;
  for (unsigned i = 0; i != threads; ++i) rooms.push_back(room_for<Objects>(n));
  steps step;
  m.begin(threads, 1);
  crew all(threads, [&](unsigned i) {
    for (int k = 0; k != 10; ++k) {
      make_all<Objects>(m, rooms[i]);
      drop_all<Objects>(m, rooms[i]);
    }
    step.advance();
    step.wait_for(threads + 1);
  });
  step.wait_for(threads);
  m.check(Objects::figures_of(0));
  m.end(threads);
  step.advance();
}

// ---- (m) big and never touched ---------------------------------------------------------------------

template <class Objects>
void untouched(meter& m) {
  m.begin(1, 1);
  m.bound_is(meter::kept);
  {
    const typename Objects::owner one = trefoil::try_make<typename Objects::object>();
    m.check(one ? nullptr : "not made");
    m.sample();
  }
  m.check(Objects::figures_of(0));
  m.end(1);
}

}  // namespace memory
