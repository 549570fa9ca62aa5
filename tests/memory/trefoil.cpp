// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shapes.hpp"
#include "table.hpp"

namespace memory {

namespace {

void add(std::vector<shape>& to, std::string name, std::function<void(meter&)> run,
         bool quick = false, double seconds = 0.5) {
  to.push_back({std::move(name), quick, seconds, std::move(run)});
}

std::string with_threads(std::string_view name, unsigned threads) {
  return std::string(name) + "x" + std::to_string(threads);
}

template <class Objects>
void add_in_turn(std::vector<shape>& to, const std::string& kind) {
  for (const unsigned threads : {1U, 2U, 4U, 12U, 16U, 32U}) {
    const bool of_the_issue = kind == "64" && threads == 16;
    add(
        to, with_threads("in_turn/" + kind, threads),
        [threads](meter& m) { in_turn<Objects>(m, threads); },
        of_the_issue || (kind == "40K" && threads == 12) || (kind == "700" && threads == 32),
        of_the_issue ? 60 : 0.5);
  }
}

template <class Objects>
void add_handed_over(std::vector<shape>& to, const std::string& kind) {
  const bool middle = kind == "700";
  for (const unsigned pairs : {1U, 6U}) {
    add(
        to, with_threads("producer_consumer/" + kind, 2 * pairs),
        [pairs](meter& m) { producer_consumer<Objects, dropped::here>(m, pairs); },
        middle && pairs == 1);
    add(
        to, with_threads("producer_consumer_any/" + kind, 2 * pairs),
        [pairs](meter& m) { producer_consumer<Objects, dropped::at_any>(m, pairs); },
        middle && pairs == 1);
  }
  for (const unsigned threads : {2U, 4U, 12U}) {
    add(
        to, with_threads("drops_at_any/" + kind, threads),
        [threads](meter& m) { drops_at_any<Objects>(m, threads); }, middle && threads == 4);
    add(
        to, with_threads("come_and_go/" + kind, threads),
        [threads](meter& m) { come_and_go<Objects>(m, threads); }, middle && threads == 4);
  }
}

template <class Objects>
void add_bursts(std::vector<shape>& to, const std::string& kind) {
  const std::size_t big = 64 * mib;
  const bool small = kind == "64";
  add(
      to, "burst_by_its_maker/" + kind,
      [](meter& m) { burst<Objects, burst_ends::by_its_maker>(m, big); }, small);
  add(
      to, "burst_by_another/" + kind,
      [](meter& m) { burst<Objects, burst_ends::by_another>(m, big); }, small);
  add(
      to, "burst_at_any/" + kind, [](meter& m) { burst<Objects, burst_ends::at_any>(m, big); },
      small || kind == "9000");
  add(to, "burst_at_any_by_another/" + kind,
      [](meter& m) { burst<Objects, burst_ends::at_any_by_another>(m, big); });
  add(
      to, "survivors/" + kind, [](meter& m) { survivors<Objects>(m, big); }, kind == "700");
  add(
      to, "bursts_by_turns/" + kind, [](meter& m) { bursts_by_turns<Objects>(m, 16, 16 * mib); },
      small);
}

template <std::size_t Bytes>
void add_sizes(std::vector<shape>& to, const std::string& kind) {
  add_in_turn<plain<Bytes>>(to, kind);
  add_handed_over<plain<Bytes>>(to, kind);
  add_bursts<plain<Bytes>>(to, kind);
  add(
      to, "burst_by_the_worker/" + kind,
      [](meter& m) { burst<for_the_worker<Bytes>, burst_ends::by_the_worker>(m, 64 * mib); },
      kind == "64");
  add(
      to, "findable/" + kind, [](meter& m) { trimmed<findable<Bytes>>(m, 16 * mib); },
      kind == "700");
}

}  // namespace

std::vector<shape> shapes_of_trefoil() {
  std::vector<shape> all;
  add_sizes<40>(all, "40");
  add_sizes<64>(all, "64");
  add_sizes<704>(all, "700");
  add_sizes<9000>(all, "9000");
  add_sizes<40 * kib>(all, "40K");
  add_sizes<200 * kib>(all, "200K");
  add_in_turn<with_outside<mib>>(all, "1M_outside");
  add_handed_over<with_outside<mib>>(all, "1M_outside");
  add_bursts<with_outside<mib>>(all, "1M_outside");
  add(
      all, "round_robinx12",
      [](meter& m) { round_robin<plain<40>, plain<704>, plain<9000>>(m, 12); }, true, 20);
  add(
      all, "round_robinx32",
      [](meter& m) { round_robin<plain<40>, plain<704>, plain<9000>>(m, 32); }, false, 5);
  add(
      all, "bursts_of_sizes",
      [](meter& m) {
        bursts_of_sizes<plain<40>, plain<64>, plain<128>, plain<704>, plain<2000>, plain<9000>,
                        plain<40 * kib>, plain<200 * kib>>(m, 64 * mib);
      },
      true);
  add(
      all, "idle_threads/1M_outsidex32", [](meter& m) { idle_threads<with_outside<mib>>(m, 32); },
      true);
  add(all, "idle_threads/1Mx32", [](meter& m) { idle_threads<plain<mib>>(m, 32); });
  add(all, "idle_threads/40Kx32", [](meter& m) { idle_threads<plain<40 * kib>>(m, 32); });
  add(all, "idle_threads/60Kx32", [](meter& m) { idle_threads<plain<60 * kib>>(m, 32); });
  add(all, "trimmed/600_1M_outside",
      [](meter& m) { trimmed<with_outside<mib>>(m, 600 * with_outside<mib>::bytes); });
  add(
      all, "untouched/256M_outside", [](meter& m) { untouched<with_outside<256 * mib, false>>(m); },
      true);
  add(
      all, "untouched/1G_outside", [](meter& m) { untouched<with_outside<1024 * mib, false>>(m); },
      true);
  for (const std::size_t bytes : {4 * mib, 16 * mib}) {
    add(all, "bursts_by_turns/20K_to_60K_" + std::to_string(bytes / mib) + "M", [bytes](meter& m) {
      bursts_by_turns<plain<20 * kib>, plain<28 * kib>, plain<40 * kib>, plain<48 * kib>,
                      plain<60 * kib>>(m, 16, bytes);
    });
  }
  return all;
}

}  // namespace memory
