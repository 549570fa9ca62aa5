// SPDX-License-Identifier: Apache-2.0
// Events in no sensible order, as far as a recording can hold them: lives without births, exits of
// the living dead, holders that come and go as they please. Whatever it is, every object is gone in
// the end, and the same recording gives the same figures.
#include "lab/recording/census.hpp"
#include "lab/recording/writer.hpp"
#include "lab/replay/replay.hpp"
#include "tests/lab/text.hpp"

#include <random>

namespace trefoil::lab {
namespace {

class ReplayRandom : public files, public ::testing::WithParamInterface<unsigned> {
 protected:
  static event draw(std::mt19937& random, const std::vector<route_id>& routes) {
    const auto below = [&](unsigned n) { return static_cast<std::uint32_t>(random() % n); };
    // Births go on, so that there is always somebody whom nothing has happened to yet.
    static std::uint32_t fresh = 100;
    event e;
    e.kind = static_cast<event_kind>(below(event_names.size()));
    e.context = static_cast<sampled_context>(below(context_names.size()));
    e.who = static_cast<actor>(below(actor_names.size()));
    e.cpu = static_cast<std::uint16_t>(below(3));
    e.pid = static_cast<std::int32_t>(below(6));
    e.comm = comm_id{0};
    if (below(2) != 0) e.route = routes[below(static_cast<unsigned>(routes.size()))];
    const event_shape shape = shape_of(e.kind);
    const int bits = shape.required | (below(3) != 0 ? shape.optional : 0);
    const bool birth = e.kind == event_kind::mm_alloc || e.kind == event_kind::task_alloc;
    const auto number = [&] { return birth ? ++fresh : below(2) ? fresh - below(12) : below(8); };
    if (bits & names_of::mm) e.mm = mm_id{number()};
    if (bits & names_of::task) e.task = task_id{number()};
    if (bits & names_of::old_mm) e.old_mm = mm_id{number()};
    if (bits & names_of::prev_mm) e.prev_mm = mm_id{number()};
    if (bits & names_of::next_mm) e.next_mm = mm_id{number()};
    if (bits & names_of::files) e.files = files_id{number()};
    if (bits & names_of::sighand) e.sighand = sighand_id{below(40)};
    e.mm_users = static_cast<std::int32_t>(below(4)) - 1;
    e.mm_count = static_cast<std::int32_t>(below(8)) - 1;
    e.subject = static_cast<std::int32_t>(below(7)) - 1;
    return e;
  }

  std::string make(unsigned seed, bool rt) {
    std::mt19937 random(seed);
    names all;
    static_cast<void>(all.comms.intern("x"));
    std::vector<route_id> routes;
    for (const char* const r : {"context-switch", "exec (mmput)", "do_exit (mmput)", "rcu callback",
                                "close /proc/PID/mem", "workqueue (tail call: mmdrop_async_fn)"}) {
      routes.push_back(all.routes.intern(r));
    }
    const std::string file = path("x.trefoil");
    recording_writer writer(file, all);
    census lives;
    std::int64_t now = 0;
    for (int i = 0; i < 2000; ++i) {
      const event drawn = [&] {
        event e = draw(random, routes);
        e.time_ns = now;
        return e;
      }();
      if (!lives.observe(drawn)) continue;  // no recording can hold it
      writer.append(drawn);
      now += static_cast<std::int64_t>(random() % 100'000);
    }
    machine_facts machine;
    machine.source = "drawn";
    machine.preempt_rt = {rt, "given"};
    writer.finish(machine);
    return file;
  }
};

TEST_P(ReplayRandom, LeavesNothingBehind) {
  const std::string file = make(GetParam(), GetParam() % 2 != 0);
  const replay_result r = replay(file, {});
  EXPECT_GT(r.events, 300);
  EXPECT_EQ(r.left_over, 0);
  EXPECT_LE(r.truth.agree, r.truth.mms);
  std::int64_t not_agreeing = 0;
  for (const auto& [cause, n] : r.truth.disagree) not_agreeing += n;
  EXPECT_EQ(r.truth.agree + not_agreeing, r.truth.mms);
  const replay_result again = replay(file, {});
  for (std::size_t i = 0; i < r.designs.size(); ++i) {
    EXPECT_EQ(r.designs[i].deferred, again.designs[i].deferred);
    EXPECT_EQ(r.designs[i].dead_mean, again.designs[i].dead_mean);
    EXPECT_EQ(r.designs[i].identity_byte_seconds, again.designs[i].identity_byte_seconds);
    EXPECT_GE(r.designs[i].pgd_byte_seconds_held_at_end, -1e-9);
    EXPECT_EQ(r.designs[i].fail_open_ns.count == 0 || i == 0, true);
  }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned last_seed = 16;  // slow
#else
constexpr unsigned last_seed = 61;
#endif

INSTANTIATE_TEST_SUITE_P(Seeds, ReplayRandom, ::testing::Range(1U, last_seed));

}  // namespace
}  // namespace trefoil::lab
