// SPDX-License-Identifier: Apache-2.0
// What lives and what is resident, during one shape. One process runs one shape.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_SANITIZED 1
#elif __has_feature(thread_sanitizer)
#define MEMORY_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_SANITIZED 1
#endif

namespace memory {

/// A sanitizer has memory of its own, and is slow: shapes run with less, and nothing is measured.
#if defined(MEMORY_SANITIZED)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

/// Bytes of this process that are in memory, but for files: of its programs, more comes in as they run.
/// It allocates nothing, else it would measure itself.
inline std::size_t resident_now() noexcept {
  static const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  char text[128] = {};
  if (statm < 0 || ::pread(statm, text, sizeof text - 1, 0) <= 0) {
    std::perror("memory_bounds: /proc/self/statm");
    std::abort();
  }
  char* at = text;
  static_cast<void>(std::strtoull(at, &at, 10));
  const std::size_t resident = std::strtoull(at, &at, 10);
  return (resident - std::strtoull(at, &at, 10)) * page;
}

/// Bounds are for what comes beside the process as it was at begin().
class meter {
 public:
  explicit meter(double seconds) : seconds_(seconds) {}
  meter(const meter&) = delete;
  meter& operator=(const meter&) = delete;
  ~meter() { stop_sampler(); }

  /// What a shape needs for itself exists and has been touched. So many threads use objects of so many
  /// sizes; a thread beside the one that calls is one more.
  void begin(std::size_t threads, std::size_t sizes) {
    std::thread([] {}).join();  // what the first one brings
    threads_ = threads;
    sizes_ = sizes;
    sampler_ = std::thread([this] {
      while (!over_.load(std::memory_order_relaxed)) {
        sample();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    while (samples_.load() == 0) std::this_thread::yield();
    before_ = resident_now();
    peak_resident_.store(0);
    began_ = clock::now();
  }

  /// Not any more counted just before they are dropped; and small objects not until they are made, big
  /// ones just before. So the peak of what is counted is that of what lives, or less, but for an object
  /// in the making.
  void made(std::size_t bytes) noexcept {
    const std::size_t now = living_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::size_t peak = peak_living_.load(std::memory_order_relaxed);
    while (now > peak && !peak_living_.compare_exchange_weak(peak, now, std::memory_order_relaxed))
      continue;
  }
  void will_drop(std::size_t bytes) noexcept {
    living_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  /// The sampler comes once a millisecond; a shape that knows when most is in use calls it itself.
  void sample() noexcept {
    const std::size_t now = resident_now();
    std::size_t peak = peak_resident_.load(std::memory_order_relaxed);
    while (now > peak && !peak_resident_.compare_exchange_weak(peak, now)) continue;
    samples_.fetch_add(1, std::memory_order_relaxed);
  }

  /// For shapes that go on for a while.
  [[nodiscard]] bool time_is_up() const noexcept {
    return clock::now() - began_ > std::chrono::duration<double>(seconds_);
  }

  /// What is left now, all quiet. Beside what lives: what the threads that are still there may keep,
  /// and what the library keeps for the next. The last word counts.
  void end(std::size_t threads_left) {
    sample();
    after_ = beyond(resident_now());
    after_bound_ = bound_after(threads_left);
  }
  /// Whether end() would find it right.
  [[nodiscard]] bool is_back(std::size_t threads_left) const noexcept {
    return beyond(resident_now()) <= bound_after(threads_left);
  }

  /// Something is wrong, and this is why; null: nothing is. The first one stays.
  void check(const char* fault) noexcept {
    if (fault_ == nullptr) fault_ = fault;
  }
  /// Operations until what a burst had taken was back.
  void took_operations(std::size_t n) noexcept { operations_ = n; }

  /// What lives keeps so much, itself included; the pool keeps a share of that besides.
  void kept_by_the_living(std::size_t bytes) noexcept { kept_by_living_ = bytes; }

  /// What is right is something else: for objects whose memory is never touched.
  void bound_is(std::size_t bytes) noexcept { own_bound_ = bytes; }

  [[nodiscard]] std::size_t bound() const noexcept {
    if (own_bound_ != 0) return own_bound_;
    return 2 * peak_living_.load() + per_thread_and_size * threads_ * sizes_;
  }

  static constexpr std::size_t per_thread_and_size = 256 * kib;
  /// Slabs and pages for the next burst, and what the system counts late: it adds up the CPUs now and
  /// then.
  static constexpr std::size_t kept = 1024 * kib;

  /// One line for the process that asked.
  void print() {
    stop_sampler();
    const std::size_t highest = std::max(peak_resident_.load(), before_);
    std::printf("%zu %zu %zu %zu %zu %zu %s\n", peak_living_.load(), highest - before_, bound(),
                after_, after_bound_, operations_, fault_ == nullptr ? "-" : fault_);
  }

 private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] std::size_t beyond(std::size_t resident) const noexcept {
    return resident > before_ ? resident - before_ : 0;
  }
  [[nodiscard]] std::size_t bound_after(std::size_t threads_left) const noexcept {
    // A thread that ended leaves its stack to glibc, with the few pages that it used.
    return std::max(2 * living_.load(), kept_by_living_ / 3 * 4) +
           per_thread_and_size * threads_left * sizes_ + 32 * kib * threads_ + kept;
  }
  void stop_sampler() {
    over_.store(true);
    if (sampler_.joinable()) sampler_.join();
  }

  double seconds_;
  std::size_t threads_ = 0;
  std::size_t sizes_ = 0;
  std::size_t before_ = 0;
  std::size_t after_ = 0;
  std::size_t after_bound_ = 0;
  std::size_t own_bound_ = 0;
  std::size_t kept_by_living_ = 0;
  std::size_t operations_ = 0;
  const char* fault_ = nullptr;
  clock::time_point began_;
  alignas(64) std::atomic<std::size_t> living_{0};
  std::atomic<std::size_t> peak_living_{0};
  alignas(64) std::atomic<std::size_t> peak_resident_{0};
  std::atomic<std::size_t> samples_{0};
  std::atomic<bool> over_{false};
  std::thread sampler_;
};

}  // namespace memory
