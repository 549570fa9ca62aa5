// SPDX-License-Identifier: Apache-2.0
/// @file
/// The slots behind lazy pins: who of the CPUs keeps which object, and how a teardown waits for them.
/// Programs use lazy_pin.hpp.
///
/// A slot belongs to one CPU, and holds one object at a time. Nobody but that CPU writes it.
///
/// | the CPU                                        | whoever drops the last counted reference         |
/// | ---------------------------------------------- | ------------------------------------------------ |
/// | has a counted reference                        |                                                  |
/// | `pinned` = object                              |                                                  |
/// | drops the reference, or hands it on: RELEASE   | drops the last one: ACQUIRE                      |
/// | uses the object                                | looks at all slots: sees the pin, or what the CPU wrote after |
/// | `pinned` = null: RELEASE                       | sees that: ACQUIRE, tears down                   |
///
/// So a pin needs no locked operation: the reference it was taken under carries it. After the last
/// counted reference nobody can pin: a slot once seen without the object stays without it.
///
/// | what the look at the slots finds | the object                                          |
/// | -------------------------------- | --------------------------------------------------- |
/// | none pins it                     | is torn down, by who looked                         |
/// | slot i does                      | goes to i's inbox by its one node; from there it is looked at on, from slot i |
///
/// An inbox is looked at when its CPU borrows, gives back, or asks to help. A CPU that gives back at
/// the very moment at which an object comes in can miss it: its store need not be seen before its
/// look (that would take a locked operation). For this, and for CPUs that do nothing more, an errand
/// of the reclaimer looks at all inboxes, soon and then again and again while something waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "trefoil/attributes.hpp"
#include "trefoil/context.hpp"
#include "trefoil/deferred.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/errand.hpp"
#include "trefoil/fork_handler.hpp"
#include "trefoil/staged_facts.hpp"
#include "trefoil/take_all_list.hpp"

namespace trefoil::detail {

/// The slots of one type of objects: one set per process, constant-initialised, never destroyed. Its
/// reclaimer runs errands.
template <class Object>
class TREFOIL_ONE_PER_PROCESS lazy_slots {
  using P = typename facts<Object>::traits::platform;
  using R = typename facts<Object>::traits::reclaimer;

 public:
  using node = deferred<P>;

  /// Shares its cache line with nobody, so that a borrow and a return move none.
  struct alignas(64) slot {
    typename P::template atomic<node*> pinned{nullptr};
    take_all_list<P> inbox;  // nobody sleeps on it
    typename P::template atomic<bool> taken{true};
    slot* next = nullptr;  // not changed once the slot is in the list
  };

  /// A slot for a CPU; null without memory. Slots given up are used again, and never freed.
  /// Level: `process`.
  [[nodiscard]] static slot* take() noexcept {
    fork_handler_.ask(&after_fork);
    for (slot* s = first(); s != nullptr; s = s->next) {
      bool free = false;
      // acquire: pairs with give_up(); what its last CPU did to it is over
      if (s->taken.compare_exchange_strong(free, true, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
        return s;
      }
    }
    void* const room = P::allocate(sizeof(slot), alignof(slot));
    if (room == nullptr) return nullptr;
    slot* const fresh = ::new (room) slot;
    slot* head = first_.load(std::memory_order_relaxed);
    do {
      fresh->next = head;
      // release: pairs with the acquire of first(), which finds a slot that is constructed
    } while (!first_.compare_exchange_weak(head, fresh, std::memory_order_release,
                                           std::memory_order_relaxed));
    return fresh;
  }

  /// Precondition: it pins nothing. What is in its inbox the errand will find. Context: any.
  /// release: pairs with take().
  static void give_up(slot& s) noexcept { s.taken.store(false, std::memory_order_release); }

  /// Pins an object, in place of the one that was pinned here before. By the slot's CPU, which has a
  /// reference that keeps it alive and is dropped later. Context: the CPU's own, not its interrupts.
  /// release: it ends the pin before it.
  TREFOIL_ALWAYS_INLINE static void pin(slot& s, node& object) noexcept {
    s.pinned.store(&object, std::memory_order_release);
    if (!s.inbox.empty_and_awake()) [[unlikely]]
      serve_out_of_line(s);
  }

  /// Pins nothing any more. As pin().
  TREFOIL_ALWAYS_INLINE static void unpin(slot& s) noexcept {
    // release: pairs with the acquire of whoever looks before the teardown
    s.pinned.store(nullptr, std::memory_order_release);
    if (!s.inbox.empty_and_awake()) [[unlikely]]
      serve_out_of_line(s);
  }

  /// What the slot pins, or null. By the slot's CPU, hence relaxed: nobody else writes it.
  [[nodiscard]] static node* pinned(const slot& s) noexcept {
    return s.pinned.load(std::memory_order_relaxed);
  }

  /// Whether a slot pins the object, of whose tier the last counted reference is gone. Then it waits
  /// in that slot's inbox, and the caller must not touch it again; its `run` will be called when
  /// none pins it. Context: any; lock-free. Cost: a load for each slot.
  [[nodiscard]] static bool hand_over(node& object) noexcept {
    if (!waits_for_one(first(), object)) return false;
    send_errand();
    return true;
  }

  /// Tears down what waited for this slot alone; hands the rest on. Returns how many went.
  /// Context: any; by the slot's CPU.
  static std::size_t serve(slot& s) noexcept {
    const served done = serve_each(s);
    if (done.waiting) send_errand();
    return done.went;
  }

 private:
  TREFOIL_COLD static void serve_out_of_line(slot& s) noexcept { static_cast<void>(serve(s)); }

  struct served {
    std::size_t went = 0;
    bool waiting = false;  // for this slot still, or for another one
  };

  /// acquire: pairs with the release of take(). A slot that pins an object was in the list before the
  /// last counted reference to that went.
  [[nodiscard]] static slot* first() noexcept { return first_.load(std::memory_order_acquire); }

  /// From slot `from` on: those before it have been seen without the object, and stay so.
  [[nodiscard]] static bool waits_for_one(slot* from, node& object) noexcept {
    for (slot* s = from; s != nullptr; s = s->next) {
      // acquire: pairs with the release of pin() and unpin(); what that CPU did to it is over
      if (s->pinned.load(std::memory_order_acquire) != &object) continue;
      static_cast<void>(s->inbox.push(object));
      return true;
    }
    return false;
  }

  [[nodiscard]] static served serve_each(slot& s) noexcept {
    served done;
    basic_deferred_list<P> unpinned;
    for (node* n = s.inbox.take_if_any(); n != nullptr;) {
      node* const next = n->next.get();  // first: the node is not ours once it waits again
      if (waits_for_one(&s, *n)) {
        done.waiting = true;
      } else {
        unpinned.add(*n);
      }
      n = next;
    }
    done.went = unpinned.size();
    unpinned.run();
    return done;
  }

  /// acq_rel: whoever finds the errand on its way has put what waits into an inbox before; the
  /// errand, as it begins, takes that sign back, and then finds it.
  static void send_errand() noexcept {
    if (!on_its_way_.exchange(true, std::memory_order_acq_rel)) R::send(errand_);
  }

  /// Looks at all inboxes, and again later while something waits there.
  static void look(errand<P>& self) noexcept {
    on_its_way_.exchange(false, std::memory_order_acq_rel);
    bool waiting = false;
    for (slot* s = first(); s != nullptr; s = s->next) waiting |= serve_each(*s).waiting;
    if (waiting && !on_its_way_.exchange(true, std::memory_order_acq_rel)) R::send_later(self);
  }

  /// An errand that was on its way is on no way here (errand.hpp). relaxed: there is one thread.
  static void after_fork() noexcept { on_its_way_.store(false, std::memory_order_relaxed); }

  static inline constinit typename P::template atomic<slot*> first_{nullptr};
  static inline constinit typename P::template atomic<bool> on_its_way_{false};
  static inline constinit errand<P> errand_{&look};
  static inline constinit fork_handler<P> fork_handler_{};
};

}  // namespace trefoil::detail
