// SPDX-License-Identifier: Apache-2.0
/// @file
/// A second thread, there from the beginning to the end: without one, libstdc++'s shared_ptr counts
/// without atomic operations, which no program that shares anything ever sees.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace bench {

class second_thread {
 public:
  second_thread() : thread_([this] { wait(); }) {}
  second_thread(const second_thread&) = delete;
  second_thread& operator=(const second_thread&) = delete;
  ~second_thread() {
    {
      const std::lock_guard guard(mutex_);
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bench
