// SPDX-License-Identifier: Apache-2.0
#include "lab/replay/crew.hpp"

#include "lab/error.hpp"
#include "lab/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

namespace trefoil::lab {

namespace {

using clock = std::chrono::steady_clock;

double seconds(clock::duration d) { return std::chrono::duration<double>(d).count(); }

constexpr std::int64_t between_reports = 16384;  // events
// An event may take milliseconds: where there are very many CPUs, say.
constexpr std::int64_t between_questions = 64;

}  // namespace

crew::crew(std::string path, const std::vector<const machine::design*>& designs,
           const crew_orders& orders)
    : path_(std::move(path)),
      stopped_(orders.stopped),
      recording_(path_, stopped_),
      worlds_([&] {
        std::vector<std::unique_ptr<world>> made;
        made.reserve(designs.size());
        for (const machine::design* d : designs) {
          made.push_back(
              std::make_unique<world>(*d, orders.kernel, memory_.frames(), orders.delays));
        }
        return made;
      }()),
      events_(recording_, orders.view),
      player_(in_lockstep(), events_, recording_.names(), orders.kernel) {}

std::vector<world*> crew::in_lockstep() const {
  std::vector<world*> all;
  all.reserve(worlds_.size());
  for (const auto& w : worlds_) all.push_back(w.get());
  return all;
}

void crew::end_segment(std::size_t which) {
  const std::vector<segment>& segments = recording_.segments();
  const std::int64_t end = segments[which].end_ns;
  duration_ns_ += end - segments[which].begin_ns;
  const bool last = which + 1 == segments.size();
  player_.end_segment(end, last ? end : segments[which + 1].begin_ns);
}

void crew::play(const std::function<bool(double)>& go_on) {
  const auto all = static_cast<double>(std::max<std::int64_t>(recording_.size(), 1));
  const bool any = !recording_.segments().empty();
  clock::duration reading{};
  std::size_t in_segment = 0;
  const clock::time_point begin = clock::now();
  try {
    if (any) {
      for (const auto& w : worlds_) w->host.resume(recording_.segments().front().begin_ns);
    }
    for (event e;;) {
      // Reading is timed by the batch: looking at a clock takes longer than reading an event.
      if (events_.about_to_read()) {
        const clock::time_point before = clock::now();
        events_.read();
        reading += clock::now() - before;
      }
      if (!events_.next(e)) break;
      while (in_segment != events_.segment_index()) end_segment(in_segment++);
      player_.play(e, events_.row());
      const bool report = events_.row() % between_reports == 0 && go_on;
      if ((report && !go_on(static_cast<double>(events_.row()) / all)) ||
          (events_.row() % between_questions == 0 && stopped_ && stopped_())) {
        throw error(fault::interrupted, path_ + ": interrupted");
      }
    }
  } catch (const std::bad_alloc&) {
    throw error(fault::input, path_ + ": event " + std::to_string(events_.row()) +
                                  ": more address spaces at once than there is memory for" +
                                  limit_hint(ENOMEM));
  }
  if (any) end_segment(in_segment);
  reading_seconds_ = seconds(reading);
  playing_seconds_ = seconds(clock::now() - begin - reading);
}

}  // namespace trefoil::lab
