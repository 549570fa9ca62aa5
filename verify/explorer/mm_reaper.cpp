// SPDX-License-Identifier: Apache-2.0
// The end of mappings against an OOM reaper that holds the identity alone: the handshake of
// mm/reap_view.hpp. (exit_mmap, __oom_reap_task_mm)
#include "verify/explorer/mm_world.hpp"

namespace trefoil::explorer {

namespace {

// ---- all of the real code --------------------------------------------------------------------------

constexpr std::uint64_t somewhere = 0x40'0000;

/// One private page; its last user goes while the reaper takes it.
template <orders Words>
program exit_while_reaped(const char* name, bool right) {
  using box = mm_machine<Words>;
  return mm_program<Words>("OOM reaper: " + std::string(name), 2, right ? 0 : 1, [](box& m) {
    typename box::user_ref victim = m.new_space();
    namespace flag = mm::map_flag;
    namespace prot = mm::prot;
    if (!victim->mmap(somewhere, mm::page_size, prot::read | prot::write,
                      flag::privately | flag::anonymous | flag::fixed) ||
        victim->fault(somewhere, mm::access::write) != mm::fault_result::ok) {
      execution::current()->fail("no memory");
    }
    const auto bare = victim.template share<typename box::identity>();
    std::size_t reaped = 0;
    spawn([&] { reaped = bare->reap().pages; });
    victim.drop();
    execution::current()->join_all();
    if (reaped > 1) execution::current()->fail("a page is taken twice");
    if (!bare->flags().test(mm::mmf::oom_skip))
      execution::current()->fail("the OOM killer would look here again");
  });
}

// ---- the reaper's side real, the exit's in steps, some left out ------------------------------------

using box = mm_machine<>;

/// What exit_mmap does after it has unmapped.
struct steps_of_exit {
  bool sets_flag = true;
  bool takes_lock_for_writing = true;  // before it frees tables
  bool withdraws_view = true;
  bool flag_comes_last = false;
};

/// Page tables that are there or not; who walks them must know.
class tables : public mm::reap_view {
 public:
  tables() : mm::reap_view{&walk} {}
  void free() { there_.set(0); }

 private:
  static std::size_t walk(mm::reap_view& self) noexcept {
    auto& me = static_cast<tables&>(self);
    for (int level = 0; level < 2; ++level) {
      if (me.there_.get() == 0) execution::current()->fail("the reaper walks tables that are gone");
      me.page_.load(std::memory_order_relaxed);  // others may step in
    }
    return 0;
  }
  cell<int> there_{1};
  atomic<int> page_{0};
};

void exit_in_steps(box::identity& who, tables& mine, steps_of_exit does) {
  const auto free_tables = [&] {
    mine.free();
    if (does.withdraws_view) who.publish(nullptr);
  };
  {
    const box::lock::read_guard locked(who.mmap_lock());
    if (does.sets_flag && !does.flag_comes_last) who.flags().set(mm::mmf::oom_skip);
    if (!does.takes_lock_for_writing) free_tables();
  }
  if (does.takes_lock_for_writing) {
    const box::lock::write_guard locked(who.mmap_lock());
    free_tables();
  }
  if (does.flag_comes_last) who.flags().set(mm::mmf::oom_skip);
}

program handshake(const char* name, steps_of_exit does, bool right) {
  return mm_program<>("OOM handshake: " + std::string(name), 2, right ? 0 : 1, [does](box& m) {
    box::identity who(m.kernel(), m.root(), 1);
    tables mine;
    who.publish(&mine);
    spawn([&who] { static_cast<void>(who.reap()); });
    exit_in_steps(who, mine, does);
    execution::current()->join_all();
  });
}

const registered mm_reaper("mm", []() -> std::vector<program> {
  return {
      exit_while_reaped<orders::declared>("against the last user's exit", true),
      exit_while_reaped<orders::none>("known broken: a lock that orders nothing", false),
      handshake("all steps", {}, true),
      handshake("the flag alone, as in Linux", {.withdraws_view = false}, true),
      handshake("the view alone", {.sets_flag = false}, true),
      handshake("known broken: neither flag nor view",
                {.sets_flag = false, .withdraws_view = false}, false),
      handshake("known broken: tables go under the lock for reading",
                {.takes_lock_for_writing = false}, false),
      handshake("known broken: the flag comes after the lock",
                {.withdraws_view = false, .flag_comes_last = true}, false),
  };
});

}  // namespace

}  // namespace trefoil::explorer
