// SPDX-License-Identifier: Apache-2.0
/// @file
/// A database's current version, as RocksDB's SuperVersion: readers share it, a writer replaces it
/// under the database's mutex, and who lets the last one go must delete files that nobody reads any
/// more: slow work, which takes that same mutex.
///
///     tier       owns                     kept by
///     files      the table files          readers, for as long as they read
///     metadata   what is in which file    iterators that are parked, statistics
///     name       the version's number     log lines
///
/// RocksDB's Unref() returns true to whom it was the last, and he must remember to call Cleanup() with
/// the mutex held and to free what that leaves after he has released it. Here the drop puts the
/// teardown on a list, and the list runs it when it ends: after the lock, because it is declared
/// before.
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <trefoil/trefoil.hpp>

namespace context = trefoil::context;
using trefoil::ref;

namespace {

bool all_well = true;
void check(bool holds, const char* what) {
  std::printf("  %s %s\n", holds ? "yes:" : "NO, WRONG:", what);
  all_well = all_well && holds;
}

class database;

/// The version's number. Plain memory.
struct name {
  static constexpr auto teardown = context::any;
  explicit name(int n) noexcept : number(n) {}
  const int number;
};

/// Gives memory back, which may take the allocator's lock: not in a signal handler.
struct metadata {
  static constexpr auto teardown = context::atomic;
  explicit metadata(name&, std::map<std::string, int> contents)
      : file_of_key(std::move(contents)) {}
  const std::map<std::string, int> file_of_key;
};

/// The files themselves. Their end asks the database, under its mutex, which of them no version has
/// any more, and deletes those.
struct files {
  static constexpr auto teardown = context::process;
  files(metadata& inner, database& owner);
  files(const files&) = delete;
  files& operator=(const files&) = delete;
  ~files();

  std::set<int> numbers;
  database& db;
};

using version = trefoil::staged<files, metadata, name>;
using reader = ref<version, files>;

class database {
 public:
  database() { install({{"apple", 1}, {"pear", 2}}); }

  /// A reference to the present version: one addition under the mutex.
  [[nodiscard]] reader current() {
    const std::lock_guard guard(mutex_);
    return current_;
  }

  /// Makes `contents` the present version. Returns how many teardowns had to wait for the mutex.
  std::size_t install(std::map<std::string, int> contents) {
    reader next = trefoil::make<version>(++installed_, trefoil::with<metadata>(std::move(contents)),
                                         trefoil::with<files>(*this));
    trefoil::deferred_list after_the_lock;
    const std::lock_guard guard(mutex_);
    swap(current_, next);
    next.drop_into(
        after_the_lock);  // a plain drop could be the last, and wait for the mutex for ever
    return after_the_lock.size();
  }

  void close() {
    trefoil::deferred_list after_the_lock;
    const std::lock_guard guard(mutex_);
    current_.drop_into(after_the_lock);
  }

  [[nodiscard]] std::size_t files_on_disk() {
    const std::lock_guard guard(mutex_);
    return versions_with_file_.size();
  }
  [[nodiscard]] int files_deleted() const { return deleted_; }

 private:
  friend files;

  void open_files(const std::set<int>& numbers) {
    const std::lock_guard guard(mutex_);
    for (const int n : numbers) ++versions_with_file_[n];
  }
  void close_files(const std::set<int>& numbers) {
    std::vector<int> obsolete;
    {
      const std::lock_guard guard(mutex_);
      for (const int n : numbers) {
        const auto found = versions_with_file_.find(n);
        if (--found->second == 0) {
          versions_with_file_.erase(found);
          obsolete.push_back(n);
        }
      }
    }
    deleted_ += static_cast<int>(obsolete.size());  // in place of: unlink, sync the directory
  }

  std::mutex mutex_;
  reader current_;                         // guarded by mutex_
  std::map<int, int> versions_with_file_;  // guarded by mutex_
  std::atomic<int> deleted_{0};
  std::atomic<int> installed_{0};
};

files::files(metadata& inner, database& owner) : db(owner) {
  for (const auto& [key, file] : inner.file_of_key) numbers.insert(file);
  db.open_files(numbers);
}
files::~files() { db.close_files(numbers); }

// ---- what happens ------------------------------------------------------------------------------------

void one_after_the_other() {
  database db;
  std::puts("A reader reads while the next version comes");
  reader slow = db.current();
  check(db.install({{"apple", 1}, {"pear", 3}}) == 0, "the old version is not torn down");
  check(db.files_on_disk() == 3, "file 2 is still there for the slow reader");

  std::puts("The reader parks: it keeps the metadata and lets the files go");
  ref<version, metadata> parked = std::move(slow).demote<metadata>();
  check(db.files_on_disk() == 2 && db.files_deleted() == 1, "file 2 is deleted");
  check(parked->file_of_key.at("pear") == 2, "what was in it is still known");
  check(!parked.promote<files>(),
        "but the files cannot be had again: it must ask for a new version");

  std::puts("Nobody reads the present version when the next one comes");
  check(db.install({{"apple", 4}, {"pear", 4}}) == 1, "the teardown waited until after the mutex");
  check(db.files_on_disk() == 1 && db.files_deleted() == 3, "then files 1 and 3 were deleted");

  std::puts("The parked reader keeps only the number, for its log");
  ref<version> log_line = std::move(parked).demote<name>();
  check(log_line->number == 1, "it read version 1");
  db.close();
  check(db.files_on_disk() == 0, "closed: no version, no file");
}

void many_readers() {
  std::puts("Three threads read while a hundred versions come and go");
  database db;
  std::atomic<bool> over{false};
  std::atomic<long> lost{0};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!over.load(std::memory_order_acquire)) {
        const reader r = db.current();
        const int file = r.at<metadata>().file_of_key.at("pear");
        if (!r->numbers.contains(file)) ++lost;
      }  // whoever is last tears down, here: this thread holds no lock
    });
  }
  for (int n = 0; n < 100; ++n) {
    db.install({{"apple", 1}, {"pear", 100 + n}});
    std::this_thread::yield();
  }
  over.store(true, std::memory_order_release);
  for (std::thread& t : readers) t.join();
  check(lost == 0, "no reader lost a file");
  check(db.files_on_disk() == 2, "the present version's two files are left");
  check(db.files_deleted() == 100, "each of the others was deleted once");
  db.close();
}

}  // namespace

int main() {
  one_after_the_other();
  many_readers();
  check(trefoil::worker::counters().run == 0, "nobody needed a thread for any of that");
  return all_well ? 0 : 1;
}
