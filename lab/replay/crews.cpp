// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/crews.hpp"

#include "lab/signals_blocked.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace trefoil::lab {

namespace {

constexpr std::chrono::milliseconds between_looks{50};

// The crews that are on threads of their own.
class others {
 public:
  others() = default;
  others(const others&) = delete;
  others& operator=(const others&) = delete;
  ~others() { join(); }

  // False: no thread to be had.
  bool start(crew& one) {
    try {
      const signals_blocked meanwhile;      // the process's handlers run on its own threads
      const std::lock_guard locked(lock_);  // held: it cannot have ended before it is counted
      threads_.emplace_back([this, &one] { play(one); });
      ++playing_;
      return true;
    } catch (const std::system_error&) { return false; }
  }

  // True: all have ended. False: some time has passed.
  bool wait() {
    std::unique_lock locked(lock_);
    return ended_.wait_for(locked, between_looks, [this] { return playing_ == 0; });
  }
  void join() noexcept {
    for (std::thread& one : threads_) {
      if (one.joinable()) one.join();
    }
  }

  // relaxed: it says to stop, and nothing else
  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  // Something went wrong, on whatever thread: all stop. What comes first is what is heard: that the
  // others were interrupted comes after it.
  void failed(std::exception_ptr why) {
    const std::lock_guard locked(lock_);
    if (!failed_) failed_ = std::move(why);
    stop();
  }
  // After join().
  const std::exception_ptr& failure() const noexcept { return failed_; }

 private:
  void play(crew& one) {
    try {
      one.play([this](double) { return !stopped(); });
    } catch (...) { failed(std::current_exception()); }
    const std::lock_guard locked(lock_);
    if (--playing_ == 0) ended_.notify_one();
  }

  std::atomic<bool> stopped_{false};
  std::mutex lock_;
  std::condition_variable ended_;
  std::size_t playing_ = 0;    // guarded by lock_
  std::exception_ptr failed_;  // guarded by lock_ while one plays
  std::vector<std::thread> threads_;
};

}  // namespace

std::vector<std::vector<const machine::design*>>
dealt_out(const std::vector<const machine::design*>& designs, std::size_t hands) {
  const std::size_t to_deal = designs.size() - 1;
  std::vector<std::vector<const machine::design*>> dealt(
      std::clamp<std::size_t>(hands, 1, std::max<std::size_t>(to_deal, 1)), {designs.front()});
  for (std::size_t i = 0; i < to_deal; ++i) dealt[i % dealt.size()].push_back(designs[i + 1]);
  return dealt;
}

void play_at_once(const crews& all, const std::function<bool(double)>& go_on) {
  others elsewhere;
  try {
    std::size_t started = 1;  // the first one is ours
    while (started < all.size() && elsewhere.start(*all[started])) ++started;
    const auto goes_on = [&](double done) {
      return !elsewhere.stopped() && (!go_on || go_on(done));
    };
    all.front()->play(goes_on);
    for (; started < all.size(); ++started) all[started]->play(goes_on);
    while (!elsewhere.wait()) {
      if (go_on && !go_on(1)) elsewhere.stop();
    }
  } catch (...) { elsewhere.failed(std::current_exception()); }
  elsewhere.join();
  if (const std::exception_ptr why = elsewhere.failure()) std::rethrow_exception(why);
}

}  // namespace trefoil::lab
