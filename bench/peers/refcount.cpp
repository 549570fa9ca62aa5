// SPDX-License-Identifier: Apache-2.0
/// @file
/// Linux's refcount_t, with its checks, and a work queue for what must not be torn down where the last
/// reference is dropped; written for the comparison.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

#include <benchmark/benchmark.h>

#include "harness/forget.hpp"
#include "operations.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using benchmark::DoNotOptimize;

class refcount {
 public:
  void inc() noexcept {
    const int old = value_.fetch_add(1, std::memory_order_relaxed);
    if (old <= 0 || old == std::numeric_limits<int>::max()) [[unlikely]]
      saturate();
  }
  [[nodiscard]] bool inc_not_zero() noexcept {
    int old = value_.load(std::memory_order_relaxed);
    do {
      if (old == 0) return false;
    } while (!value_.compare_exchange_weak(old, old + 1, std::memory_order_relaxed));
    if (old < 0) [[unlikely]]
      saturate();
    return true;
  }
  [[nodiscard]] bool dec_and_test() noexcept {
    const int old = value_.fetch_sub(1, std::memory_order_release);
    if (old == 1) {
      static_cast<void>(value_.load(std::memory_order_acquire));
      return true;
    }
    if (old <= 0) [[unlikely]]
      saturate();
    return false;
  }

 private:
  [[gnu::noinline, gnu::cold]] void saturate() noexcept {
    value_.store(std::numeric_limits<int>::min() / 2, std::memory_order_relaxed);
  }
  std::atomic<int> value_{1};
};

struct counted_payload : payload {
  refcount count;
};

struct with_counted {
  std::unique_ptr<counted_payload> held = std::make_unique<counted_payload>();
};

struct get_put : with_counted {
  void operator()(std::size_t n) const {
    counted_payload* mine = held.get();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      mine->count.inc();
      const bool last = mine->count.dec_and_test();
      DoNotOptimize(last);
    }
  }
};

struct get_not_zero_put : with_counted {
  void operator()(std::size_t n) const {
    counted_payload* mine = held.get();
    for (std::size_t i = 0; i < n; ++i) {
      forget(mine);
      if (!mine->count.inc_not_zero()) continue;
      const bool last = mine->count.dec_and_test();
      DoNotOptimize(last);
    }
  }
};

/// A list under a lock, and a thread that is woken when it was empty.
class work_queue {
 public:
  struct work {
    work* next = nullptr;
    void (*run)(work*) = nullptr;
  };

  work_queue() : thread_([this] { live(); }) {}
  work_queue(const work_queue&) = delete;
  work_queue& operator=(const work_queue&) = delete;
  ~work_queue() {
    {
      const std::lock_guard guard(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void queue(work* w) {
    bool wake = false;
    {
      const std::lock_guard guard(mutex_);
      wake = first_ == nullptr;
      w->next = nullptr;
      *last_ = w;
      last_ = &w->next;
      ++queued_;
    }
    if (wake) changed_.notify_one();
  }
  void flush() {
    std::unique_lock lock(mutex_);
    const std::size_t upto = queued_;
    flushed_.wait(lock, [&] { return done_ >= upto; });
  }

 private:
  void live() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return first_ != nullptr || over_; });
      if (first_ == nullptr) return;
      work* chain = first_;
      first_ = nullptr;
      last_ = &first_;
      lock.unlock();
      std::size_t count = 0;
      while (chain != nullptr) {
        work* const next = chain->next;  // run() may free it
        chain->run(chain);
        chain = next;
        ++count;
      }
      lock.lock();
      done_ += count;
      flushed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable flushed_;
  work* first_ = nullptr;
  work** last_ = &first_;
  std::size_t queued_ = 0;
  std::size_t done_ = 0;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

/// As mmput_async() does it: the work struct is in the object.
struct freed_by_work {
  struct object : work_queue::work {
    refcount count;
  };
  work_queue queue;

  void operator()(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      auto* const one = new object;
      DoNotOptimize(one);
      if (!one->count.dec_and_test()) continue;
      one->run = [](work_queue::work* w) { delete static_cast<object*>(w); };
      queue.queue(one);
    }
    queue.flush();
  }
};

}  // namespace

void add_refcount(std::vector<operation>& to) {
  add_same<get_put>(to, "refcount", "refcount_t inc + dec_and_test");
  add_same<get_not_zero_put>(to, "refcount_not_zero", "refcount_t inc_not_zero + dec_and_test");
  add_same<freed_by_work>(to, "refcount_work", "new + put to a work queue, to the end");
}

}  // namespace bench
