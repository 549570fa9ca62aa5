// SPDX-License-Identifier: Apache-2.0
/// @file
/// The first touch of each page of a private anonymous mapping: a frame is found, zeroed, and put into
/// the page table. By the page.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "linux_memory.hpp"
#include "machine.hpp"
#include "operations.hpp"
#include "pattern.hpp"

namespace bench {

namespace {

class linux_fault {
 public:
  explicit linux_fault(std::size_t n) : memory_(n), faults_before_(minor_faults()) {}

  void operator()(std::size_t) { memory_.touch(); }

  ~linux_fault() {
    must(minor_faults() - faults_before_ >= memory_.pages(),
         "Linux had fewer faults than pages: not base pages");
    for (std::size_t i = 0; i < memory_.pages(); ++i) {
      must(is_fresh(memory_.page(i), i + 1), "a page of Linux was not zeroed");
    }
  }
  linux_fault(const linux_fault&) = delete;
  linux_fault& operator=(const linux_fault&) = delete;

 private:
  linux_memory memory_;
  std::size_t faults_before_;
};

/// The store that a processor would make after the fault is not part of it: here is no processor.
class trefoil_fault {
 public:
  explicit trefoil_fault(std::size_t n) : pages_(n) {
    if (n != 0) machine::map_arena(space_, n);
  }

  void operator()(std::size_t n) { machine::touch(space_, n); }

  ~trefoil_fault() {
    if (pages_ == 0) return;
    must(machine::here().frames_in_use() - without_arena_ ==
             pages_ + machine::tables_for(pages_) - 1,
         "faults of ours took more or fewer frames than pages and tables");
    page_words seen;
    for (std::size_t i = 0; i < pages_; ++i) {
      must(space_->copy_from(machine::arena + i * page_size, seen.data(), page_size) == page_size &&
               is_fresh(seen.data(), 0),
           "a page of ours was not zeroed");
    }
    dirty();
    space_.drop();
    must(machine::here().frames_in_use() == without_space_, "a process of ours left frames");
  }
  trefoil_fault(const trefoil_fault&) = delete;
  trefoil_fault& operator=(const trefoil_fault&) = delete;

 private:
  /// So that the next run would see if a frame were not zeroed.
  void dirty() {
    for (std::size_t i = 0; i < pages_; ++i) {
      const std::uint64_t word = i + 1;
      for (const std::size_t offset : {std::size_t{0}, page_size / 2, page_size - sizeof word}) {
        must(space_->copy_to(machine::arena + i * page_size + offset, &word, sizeof word) ==
                 sizeof word,
             "a page of ours could not be written");
      }
    }
  }

  std::size_t pages_;
  std::size_t without_space_ = machine::here().frames_in_use();
  user_ref space_ = machine::here().process();
  std::size_t without_arena_ = machine::here().frames_in_use();
};

}  // namespace

void add_faults(std::vector<operation>& to) {
  to.push_back(
      measured<trefoil_fault>("trefoil_fault", "fault for writing, per page", sizes.faults));
  to.push_back(measured<linux_fault>("linux_fault", "first write, per page", sizes.faults, false));
}

}  // namespace bench
