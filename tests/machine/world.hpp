// SPDX-License-Identifier: Apache-2.0
/// @file
/// A small machine for tests: memory, a host, and what is checked at the end of every test.
#pragma once

#include "machine/access.hpp"
#include "machine/step.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <vector>

namespace trefoil::machine {

/// For GoogleTest's messages.
inline void PrintTo(holder h, std::ostream* out) { *out << name_of(h); }

/// Frames of an address space of the machine's one shape: a page directory, 6 tables, 3 pages.
inline constexpr std::size_t frames_of_one = 10;

/// Page frames, full of dirt.
class memory {
 public:
  explicit memory(std::size_t usable_frames)
      : bytes_((usable_frames + 1) * mm::page_size),
        room_(static_cast<std::byte*>(::operator new(bytes_, std::align_val_t{mm::page_size}))),
        frames(room_.get(), bytes_) {
    for (std::size_t i = 0; i < bytes_; ++i) room_.get()[i] = std::byte{0xAA};
  }

 private:
  struct release {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{mm::page_size}); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, release> room_;

 public:
  mm::frame_allocator<platform> frames;
};

/// A host whose end is checked: everything that was ever taken has been given back.
struct world {
  static constexpr std::int64_t worker_delay = 40;

  explicit world(const design& lifetimes, flavour kernel = flavour::ordinary,
                 std::size_t usable_frames = 200)
      : ram(usable_frames),
        running(std::make_unique<step>(lifetimes, kernel, ram.frames, worker_delay)),
        h(*running) {}
  explicit world(std::string_view id, flavour kernel = flavour::ordinary,
                 std::size_t usable_frames = 200)
      : world(*find_design(id), kernel, usable_frames) {}
  ~world() {
    const auto& figures = h.figures();
    EXPECT_EQ(figures.mappings(), 0);
    running.reset();  // gives back what CPUs have borrowed
    EXPECT_EQ(ram.frames.in_use(), 0U);
    const auto workers_did = workers<true>::counters();
    EXPECT_EQ(workers_did.pending, 0U);
    EXPECT_EQ(detail::running, nullptr);
    EXPECT_EQ(platform::state().here(), context::process);
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// Nothing lives on it now.
  void expect_empty() const {
    EXPECT_EQ(h.listed(), 0U);
    EXPECT_EQ(h.figures().mappings(), 0);
    EXPECT_EQ(h.figures().page_directories(), 0);
    EXPECT_EQ(h.figures().identities(), 0);
    EXPECT_EQ(ram.frames.in_use(), 0U);
  }
  [[nodiscard]] std::int64_t deferrals() const {
    const auto& f = h.figures();
    return f.deferrals(sampled::task) + f.deferrals(sampled::softirq) +
           f.deferrals(sampled::hardirq);
  }

  /// A process with an address space of its own.
  void start(task& child, const task& parent = {}) {
    h.fork(parent, child, h.create(0, ++numbers));
  }
  /// All that the kernel does at an exit, up to where the CPU has gone on to a user task.
  void exit(task& who, unsigned cpu = 0) {
    h.exit_mm(cpu, who);
    h.mmput(cpu, std::move(who.leaving));
    h.give_back(cpu);
  }

  memory ram;
  std::unique_ptr<step> running;
  step& h;
  std::uint64_t numbers = 0;
};

/// Every design, ordinary kernel or PREEMPT_RT.
struct kind {
  const design* lifetimes;
  flavour kernel;
};
inline void PrintTo(const kind& k, std::ostream* out) {
  *out << k.lifetimes->id << (k.kernel == flavour::preempt_rt ? ", PREEMPT_RT" : "");
}
[[nodiscard]] inline std::vector<kind> all_kinds() {
  std::vector<kind> all;
  for (const design& d : designs) {
    all.push_back({&d, flavour::ordinary});
    all.push_back({&d, flavour::preempt_rt});
  }
  return all;
}
[[nodiscard]] inline std::string name_of_kind(const ::testing::TestParamInfo<kind>& info) {
  std::string name(info.param.lifetimes->id);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name + (info.param.kernel == flavour::preempt_rt ? "_rt" : "");
}

}  // namespace trefoil::machine
