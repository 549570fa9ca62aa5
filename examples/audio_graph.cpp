// SPDX-License-Identifier: Apache-2.0
/// @file
/// A real-time thread that drops and never frees.
///
/// An audio thread plays a graph; the main thread replaces the graph when the user turns a knob. The
/// last reference to the old one is then often the audio thread's, and freeing memory there is a
/// dropout that one hears: the allocator may take a lock, or give pages back to the system. The usual
/// remedy is a queue to send garbage back through, of some fixed length, and a plan for when it is
/// full. Here the dead object is its own place in the queue:
///
///     audio thread   drop                  two atomic operations; no lock, no system call, no free
///     main loop      polled<audio>::poll() tears down what the audio thread has dropped
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <trefoil/trefoil.hpp>

namespace context = trefoil::context;
using trefoil::ref;

// ---- the proof: who calls the allocator? ---------------------------------------------------------------

namespace {
thread_local bool on_audio_thread = false;
std::atomic<int> allocator_calls_of_audio_thread{0};

[[maybe_unused]] void note_allocator_call() noexcept {
  if (on_audio_thread) ++allocator_calls_of_audio_thread;
}
}  // namespace

// clang's ThreadSanitizer has these operators itself and lets nobody replace them.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OPERATORS_ARE_TAKEN
#endif
#endif
#if !defined(OPERATORS_ARE_TAKEN)
void* operator new(std::size_t bytes) {
  note_allocator_call();
  if (void* const p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  note_allocator_call();
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
// With an alignment: how Trefoil's pool gets its slabs.
void* operator new(std::size_t bytes, std::align_val_t align) {
  note_allocator_call();
  if (void* const p = std::aligned_alloc(static_cast<std::size_t>(align), bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p, std::align_val_t) noexcept { operator delete(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { operator delete(p); }
#endif

namespace {

bool all_well = true;
void check(bool holds, const char* what) {
  std::printf("  %s %s\n", holds ? "yes:" : "NO, WRONG:", what);
  all_well = all_well && holds;
}

// ---- the graph -------------------------------------------------------------------------------------------

std::atomic<int> torn_down{0};
std::atomic<int> torn_down_by_audio_thread{0};

/// What the user interface shows; it may outlive the nodes.
struct description {
  static constexpr auto teardown = context::process;
  explicit description(std::string t) : title(std::move(t)) {}
  std::string title;
};

/// What makes the sound: buffers, from the heap.
struct nodes {
  static constexpr auto teardown = context::process;
  nodes(description&, float g) : gain(g), delay_line(4800, 0.0F) {}
  nodes(const nodes&) = delete;
  nodes& operator=(const nodes&) = delete;
  ~nodes() {
    ++torn_down;
    if (on_audio_thread) ++torn_down_by_audio_thread;
  }

  void play(std::array<float, 64>& block) noexcept {
    for (float& sample : block) {
      float& delayed = delay_line[at];
      at = (at + 1) % delay_line.size();
      sample = gain * (sample + delayed);
      delayed = sample;
    }
  }

  float gain;
  std::vector<float> delay_line;
  std::size_t at = 0;
};

/// The queue of dead graphs: one for the whole program, run by whoever calls poll().
struct audio {};
using graveyard = trefoil::polled<audio>;

struct audio_traits : trefoil::default_traits {
  using reclaimer = graveyard;
};
using graph = trefoil::basic_staged<audio_traits, nodes, description>;

/// The way from the main thread to the audio thread: a place for one graph. References can be handed
/// through an atomic pointer, once each.
class mailbox {
 public:
  mailbox() = default;
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox() { static_cast<void>(take()); }

  /// Returns what was there and has not been fetched.
  ref<graph, nodes> put(ref<graph, nodes> next) noexcept {
    return ref<graph, nodes>::adopt(
        place_.exchange(std::move(next).detach(), std::memory_order_acq_rel));
  }
  ref<graph, nodes> take() noexcept { return put({}); }
  [[nodiscard]] bool empty() const noexcept {
    return place_.load(std::memory_order_relaxed) == nullptr;
  }

 private:
  std::atomic<void*> place_{nullptr};
};

mailbox incoming;
std::atomic<bool> playing{true};
std::atomic<long> blocks_played{0};

/// One call of the sound card's driver.
void callback(ref<graph, nodes>& present, std::array<float, 64>& block) noexcept {
  // No teardown inline in here, whatever is dropped. Real-time code could hold any lock up.
  const context::scope real_time{context::any};
  if (auto next = incoming.take()) present = std::move(next);  // drops the one before
  block.fill(1.0F);
  if (present) present->play(block);
  ++blocks_played;
}

void audio_thread() {
  on_audio_thread = true;
  ref<graph, nodes> present;
  std::array<float, 64> block{};
  while (playing.load(std::memory_order_acquire)) {
    callback(present, block);
    std::this_thread::yield();  // in place of: until the card wants more
  }
  const context::scope real_time{context::any};
  present.drop();
  on_audio_thread = false;
}

void wait_until_fetched() {
  while (!incoming.empty()) std::this_thread::yield();
}

}  // namespace

int main() {
  static_assert(!trefoil::droppable_in<ref<graph, nodes>, context::any>, "such a drop is deferred");

  std::thread audio_driver(audio_thread);
  constexpr int graphs = 500;
  ref<graph, description> shown;
  std::size_t polled = 0;
  for (int i = 1; i <= graphs; ++i) {
    auto next = trefoil::make<graph>("gain " + std::to_string(i),
                                     trefoil::with<nodes>(1.0F / static_cast<float>(i + 1)));
    shown = next.share<description>();
    const auto not_fetched = incoming.put(std::move(next));
    wait_until_fetched();
    if (i % 10 == 0) polled += graveyard::poll();  // the main loop comes round
  }
  playing.store(false, std::memory_order_release);
  audio_driver.join();
  std::printf("%d graphs, %ld blocks played\n", graphs, blocks_played.load());

  const auto before = graveyard::counters();
  check(before.pending > 0, "dead graphs wait for the main loop, the last one among them");
  polled += graveyard::poll();
  const auto after = graveyard::counters();
  std::printf("  (at most %llu dead graphs waited at once)\n",
              static_cast<unsigned long long>(after.peak));
  check(after.pending == 0, "and are gone when it comes round");
  check(torn_down == graphs, "every graph's nodes were torn down");
  check(polled == graphs, "all of them by the main loop");
  check(torn_down_by_audio_thread == 0, "none by the audio thread");
  check(allocator_calls_of_audio_thread == 0, "which never called the allocator");
  check(shown->title == "gain 500", "the description of the last one is still shown");
  check(!shown.promote<nodes>(), "but cannot be played any more");
  return all_well ? 0 : 1;
}
