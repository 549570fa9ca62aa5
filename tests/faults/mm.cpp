// SPDX-License-Identifier: Apache-2.0
// Address spaces: created, filled, forked, left for another one by exec, and gone. As mechanism.cpp; that
// page frames run out is for tests/mm/no_memory.cpp.
#include "again.hpp"

#include <trefoil/mm/mm.hpp>
#include <trefoil/trefoil.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace {

using namespace trefoil::mm;
using faults::again;
using faults::expect;
using trefoil::ref;
using trefoil::try_make;
namespace flag = map_flag;

/// What is alive.
class counting_ledger {
 public:
  struct account {};
  void identity_born(account&) noexcept { ++alive_; }
  void page_directory_born(account&) noexcept { ++alive_; }
  void mappings_born(account&) noexcept { ++alive_; }
  void identity_gone(account&) noexcept { --alive_; }
  void page_directory_gone(account&) noexcept { --alive_; }
  void mappings_gone(account&) noexcept { --alive_; }
  void user_namespace_born() noexcept { ++alive_; }
  void user_namespace_gone() noexcept { --alive_; }
  void exec_state_born() noexcept { ++alive_; }
  void exec_state_gone() noexcept { --alive_; }
  [[nodiscard]] int alive() const noexcept { return alive_; }

 private:
  std::atomic<int> alive_{0};
};

struct platform : trefoil::threads {
  using ledger = counting_ledger;
  static trefoil::context::state<platform>& state() noexcept {
    static constinit thread_local trefoil::context::state<platform> here;
    return here;
  }
  struct traits {
    using platform = ::platform;
    using counts = trefoil::default_counts;
    using reclaimer = trefoil::basic_worker<platform>;
    using storage = trefoil::pooled;
  };
  using namespace_traits = traits;
};
using space_ref = ref<address_space<platform>, mappings<platform>>;
using workers = platform::traits::reclaimer;

constexpr std::uint64_t at = 0x4000'0000;
constexpr std::uint64_t pages = 12;
constexpr unsigned rw = prot::read | prot::write;
constexpr unsigned how = flag::privately | flag::anonymous | flag::fixed;

/// True: done. What lacks memory has changed nothing (tests/mm/no_memory.cpp), so once more is right.
template <class F>
void call(const char* what, F f) {
  again(what, [&] {
    const error said = f();
    expect(said == error::none || said == error::enomem, what);
    return said == error::none;
  });
}

struct counter final : notifier<platform> {
  void release() noexcept override { ++released; }
  int released = 0;
};

class world {
 public:
  explicit world(std::byte* memory, std::size_t bytes)
      : frames_(memory, bytes), all_(frames_, notes_) {}

  void run() {
    const auto root =
        again("a user namespace", [&] { return try_make<user_namespace<platform>>(all_, 0U); });
    auto parent =
        again("create", [&] { return try_make<address_space<platform>>(all_, root, 1U); });
    fill(parent);
    counter told;
    expect(told.subscribe(parent.share<identity<platform>>()), "subscribe");

    auto child = again("fork", [&] { return fork(parent, 2); });
    write(child, at, 100);
    expect(read(parent, at) == 1 && read(child, at) == 100, "each has its own page");
    check(parent);

    // exec: another address space takes the place of the child's, which goes.
    trefoil::slot<space_ref> task_mm(std::move(child));
    auto state = again("an exec state",
                       [&] { return try_make<exec_state<platform>>(root, dumpable::user); });
    auto fresh =
        again("create, by exec", [&] { return try_make<address_space<platform>>(all_, root, 3U); });
    fill(fresh);
    auto old = task_mm.exchange(std::move(fresh));
    old.drop();
    check(task_mm.load());

    change(parent);
    auto last = task_mm.exchange({});
    {
      // The last drop where nothing may be torn down: a worker does it.
      const trefoil::context::basic_scope<platform> low{trefoil::context::any};
      parent.drop();
      last.drop();
      state.drop();
    }
    expect(workers::flush(), "flush");
    expect(told.released == 1, "the subscriber is told of the end");
    told.unsubscribe();
  }

  void end() {
    expect(workers::shutdown(), "shutdown");
    expect(notes_.alive() == 0, "no tier is left");
    expect(frames_.in_use() == 0, "no frame is left");
    expect(all_.page_directories() == 0, "none is on the list");
  }

 private:
  void fill(const space_ref& space) {
    call("mmap", [&] { return space->mmap(at, pages * page_size, rw, how).why; });
    for (std::uint64_t p = 0; p < pages; ++p) write(space, at + p * page_size, p + 1);
  }
  static void write(const space_ref& space, std::uint64_t address, std::uint64_t value) {
    expect(space->copy_to(address, &value, sizeof value) == sizeof value, "a write");
  }
  static std::uint64_t read(const space_ref& space, std::uint64_t address) {
    std::uint64_t value = 0;
    expect(space->copy_from(address, &value, sizeof value) == sizeof value, "a read");
    return value;
  }
  static void check(const space_ref& space) {
    for (std::uint64_t p = 0; p < pages; ++p)
      expect(read(space, at + p * page_size) == p + 1, "contents");
  }
  void change(const space_ref& space) {
    call("mprotect", [&] { return space->mprotect(at + page_size, page_size, prot::read); });
    call("munmap", [&] { return space->munmap(at + 3 * page_size, page_size); });
    call("mremap", [&] {
      return space->mremap(at + 5 * page_size, page_size, page_size, 3, 0x7000'0000'0000).why;
    });
    call("mmap, shared", [&] {
      return space
          ->mmap(0x6000'0000'0000, page_size, rw, flag::shared | flag::anonymous | flag::fixed)
          .why;
    });
    write(space, 0x6000'0000'0000, 5);
    expect(read(space, 0x7000'0000'0000) == 6, "what has moved");
    const auto child = again("fork of more", [&] { return fork(space, 4); });
    expect(read(child, 0x6000'0000'0000) == 5, "what is shared");
  }

  counting_ledger notes_;
  frame_allocator<platform> frames_;
  kernel<platform> all_;
};

struct give_back {
  void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{page_size}); }
};

}  // namespace

int main() {
  constexpr std::size_t bytes = 400 * page_size;
  const std::unique_ptr<std::byte, give_back> memory(again("memory", [] {
    return static_cast<std::byte*>(
        ::operator new(bytes, std::align_val_t{page_size}, std::nothrow));
  }));
  world all(memory.get(), bytes);
  all.run();
  all.end();
  return faults::told();
}
