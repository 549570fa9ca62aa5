// SPDX-License-Identifier: Apache-2.0
#include "lab/tsv/import.hpp"

#include "lab/error.hpp"
#include "lab/recording/census.hpp"
#include "lab/recording/most.hpp"
#include "lab/recording/writer.hpp"
#include "lab/tsv/parser.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace trefoil::lab {

namespace {

constexpr std::int64_t pause_ns = 1000;  // between two rounds of a repeated recording

// What has to be added to the ids and times of the text: nothing in the first round, and then as
// much as it takes to get clear of all that came before.
class shift {
 public:
  // Learns how far one round reaches.
  void observe(const event& e) {
    reach(mm_, e.mm);
    reach(mm_, e.old_mm);
    reach(mm_, e.prev_mm);
    reach(mm_, e.next_mm);
    reach(task_, e.task);
    reach(files_, e.files);
    reach(sighand_, e.sighand);
    round_ns_ = e.time_ns + pause_ns;
  }

  bool possible(std::int64_t rounds) const {
    const std::int64_t all = std::max({mm_, task_, files_, sighand_, std::int64_t{1}});
    return rounds <= most::segments && rounds <= std::int64_t{mm_id::none} / all &&
           rounds <= most::time_ns / std::max<std::int64_t>(round_ns_, 1);
  }

  void apply(event& e, std::int64_t round) const {
    move(e.mm, mm_, round);
    move(e.old_mm, mm_, round);
    move(e.prev_mm, mm_, round);
    move(e.next_mm, mm_, round);
    move(e.task, task_, round);
    move(e.files, files_, round);
    move(e.sighand, sighand_, round);
    e.time_ns += round_ns_ * round;
  }

 private:
  template <class Tag>
  static void reach(std::int64_t& top, id<Tag> one) {
    if (one) top = std::max(top, std::int64_t{one.value()} + 1);
  }

  template <class Tag>
  static void move(id<Tag>& one, std::int64_t top, std::int64_t round) {
    if (one) one = id<Tag>{static_cast<typename id<Tag>::number>(one.value() + top * round)};
  }

  std::int64_t mm_ = 0;
  std::int64_t task_ = 0;
  std::int64_t files_ = 0;
  std::int64_t sighand_ = 0;
  std::int64_t round_ns_ = 0;
};

class importer {
 public:
  importer(const std::string& from, const std::string& to, const import_options& options)
      : from_(from),
        options_(options),
        first_(from, names_),
        writer_(to, names_, options.existing) {}

  imported run() {
    first_round();
    if (options_.repeat > 1 && !shift_.possible(options_.repeat)) {
      throw error(fault::input, from_ + ": too long to be repeated " +
                                    std::to_string(options_.repeat) + " times");
    }
    for (round_ = 1; round_ < options_.repeat; ++round_) later_round();
    imported result{writer_.size(), facts_.conclude(options_.stated)};
    result.machine.source = std::filesystem::path(from_).filename().string();
    writer_.finish(result.machine);
    return result;
  }

 private:
  void first_round() {
    for (event e; first_.next(e);) {
      facts_.observe(e);
      shift_.observe(e);
      write(first_, e);
    }
    // An empty recording is possible but never meant: the text was cut off, or made by a mistake.
    if (writer_.size() == 0) first_.fail("no event follows the header");
    census_.end_segment();
  }

  void later_round() {
    writer_.begin_segment();
    tsv_parser parser(from_, names_);
    for (event e; parser.next(e);) {
      shift_.apply(e, round_);
      write(parser, e);
    }
    census_.end_segment();
  }

  void write(const tsv_parser& parser, const event& e) {
    if (!census_.observe(e)) parser.fail(census_.problem());
    writer_.append(e);
    if (writer_.size() % 16384 == 0 && options_.go_on && !options_.go_on(done(parser))) {
      throw error(fault::interrupted, from_ + ": interrupted, nothing written");
    }
  }

  double done(const tsv_parser& parser) const {
    const auto size = static_cast<double>(std::max<std::uint64_t>(parser.source().size(), 1));
    const double of_round = static_cast<double>(parser.source().consumed()) / size;
    return (static_cast<double>(round_) + std::min(of_round, 1.0)) /
           static_cast<double>(options_.repeat);
  }

  const std::string& from_;
  const import_options& options_;
  names names_;
  tsv_parser first_;  // before the writer: a missing input is said first, and nothing is created
  recording_writer writer_;
  deduction facts_{names_};
  census census_;
  shift shift_;
  std::int64_t round_ = 0;
};

}  // namespace

imported import_tsv(const std::string& from, const std::string& to, const import_options& options) {
  std::error_code ignored;
  if (std::filesystem::equivalent(from, to, ignored)) {
    throw error(fault::input, to + ": is the file to be imported");
  }
  return importer(from, to, options).run();
}

}  // namespace trefoil::lab
