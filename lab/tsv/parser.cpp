// SPDX-License-Identifier: Apache-2.0
#include "lab/tsv/parser.hpp"

#include "lab/error.hpp"
#include "lab/recording/most.hpp"
#include "lab/tsv/numbers.hpp"
#include "lab/tsv/objects.hpp"
#include "lab/tsv/word_table.hpp"

#include <cstring>
#include <limits>
#include <utility>

namespace trefoil::lab {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{256} << 10;
// An event's line has some 70 bytes. A file without line ends must not fill the memory.
constexpr std::size_t longest_line = std::size_t{64} << 10;

enum column : std::size_t {
  t_us,
  event_name,
  obj,
  aux,
  cpu,
  pid,
  comm,
  ctx,
  who,
  mm_users,
  mm_count,
  subj,
  route
};

constexpr word_table event_words{event_names};
constexpr word_table context_words{context_names};
constexpr word_table actor_words{actor_names};

// Text from a file, fit for one line of a terminal.
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, 40)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7f || byte >= 0x80 ? '?' : c;
  }
  return result + (text.size() > 40 ? "...'" : "'");
}

}  // namespace

tsv_parser::tsv_parser(const std::string& path, lab::names& names)
    : path_(path), names_(&names), buffer_(std::make_unique<char[]>(buffer_bytes)) {
  try {
    source_.emplace(path);
  } catch (const error& e) {  // no line has been read: the file as a whole is meant
    throw error(e.whose(), path_ + ": " + e.what());
  }
  read_header();
}

tsv_parser::tsv_parser(std::string name, std::span<const char> content, lab::names& names)
    : path_(std::move(name)),
      names_(&names),
      source_(std::in_place, content),
      buffer_(std::make_unique<char[]>(buffer_bytes)) {
  read_header();
}

void tsv_parser::fail(const std::string& what) const {
  throw error(fault::input, path_ + ":" + std::to_string(line_) + ": " + what);
}

void tsv_parser::refuse(const fields& from, std::size_t column, const char* what) const {
  fail(std::string(columns[column]) + ": " + what + ' ' + quoted(from[column]));
}

// A recording with more of them, or longer ones, could not be read.
template <class Id>
Id tsv_parser::intern(const fields& from, std::size_t column, dictionary<Id>& to,
                      std::int64_t most_names, std::size_t most_bytes) const {
  if (from[column].size() > most_bytes) {
    refuse(from, column, ("longer than " + std::to_string(most_bytes) + " bytes:").c_str());
  }
  const Id name = to.intern(from[column]);
  if (static_cast<std::int64_t>(to.size()) > most_names) {
    refuse(from, column,
           ("one more than " + std::to_string(most_names) + " different ones:").c_str());
  }
  return name;
}

// Moves what is left to the front and reads on. False: the file has ended.
bool tsv_parser::fill() {
  if (exhausted_) return false;
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  try {
    const std::size_t got = source_->read({buffer_.get() + end_, buffer_bytes - end_});
    end_ += got;
    exhausted_ = got == 0;
  } catch (const error& e) {
    if (e.whose() == fault::interrupted) throw error(e.whose(), path_ + ": " + e.what());
    ++line_;  // what is wrong is behind the last whole line
    fail(e.what());
  }
  return !exhausted_;
}

bool tsv_parser::next_line(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const char* const from = buffer_.get() + searched;
    const void* const found = std::memchr(from, '\n', end_ - searched);
    if (found != nullptr) {
      const auto length =
          static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.get() + begin_));
      line = {buffer_.get() + begin_, length};
      begin_ += length + 1;
      ++line_;
      return true;
    }
    if (end_ - begin_ > longest_line) {
      ++line_;
      fail("the line is longer than " + std::to_string(longest_line) + " bytes");
    }
    const std::size_t known = end_ - begin_;
    if (!fill()) {
      if (known == 0) return false;
      line = {buffer_.get() + begin_, known};  // a last line without an end
      begin_ = end_;
      ++line_;
      return true;
    }
    searched = begin_ + known;
  }
}

void tsv_parser::read_header() {
  std::string_view line;
  if (!next_line(line)) {
    line_ = 1;
    fail("empty: the header line is missing");
  }
  fields names{};
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    const std::size_t tab = line.find('\t');
    more = tab != std::string_view::npos;
    const std::string_view name = line.substr(0, tab);
    if (count >= columns.size()) fail("header: unknown column " + quoted(name));
    names[count] = name;
    line.remove_prefix(more ? tab + 1 : line.size());
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (names[i] == columns[i]) continue;
    fail("header: column '" + std::string(columns[i]) + "' is missing" +
         (i < count ? ": found " + quoted(names[i]) : ""));
  }
}

void tsv_parser::split(std::string_view line, fields& to) const {
  const char* at = line.data();
  const char* const end = at + line.size();
  std::size_t count = 0;
  const char* field = at;
  for (; at != end; ++at) {
    if (*at != '\t') continue;
    if (count + 1 == columns.size()) fail("more than 13 columns");
    to[count++] = {field, static_cast<std::size_t>(at - field)};
    field = at + 1;
  }
  to[count++] = {field, static_cast<std::size_t>(end - field)};
  if (count < columns.size()) {
    fail(std::to_string(count) + " of 13 columns: '" + std::string(columns[count]) +
         "' is missing");
  }
}

bool tsv_parser::next(event& e) {
  std::string_view line;
  if (!next_line(line)) return false;
  fields from;
  split(line, from);

  e = event{};
  if (!parse_microseconds(from[t_us], e.time_ns)) refuse(from, t_us, "bad number");
  if (e.time_ns < last_ns_) {
    fail("out of order: " + std::string(from[t_us]) + " us is before the line before (" +
         std::to_string(last_ns_ / 1000) + '.' + std::to_string(last_ns_ % 1000 / 100) + " us)");
  }
  last_ns_ = e.time_ns;

  const int kind = event_words.find(from[event_name]);
  if (kind < 0) fail("unknown event " + quoted(from[event_name]));
  e.kind = static_cast<event_kind>(kind);
  parse_objects(from, e);
  parse_circumstances(from, e);
  return true;
}

void tsv_parser::parse_objects(const fields& from, event& e) const {
  const objects_fault wrong = lab::parse_objects(from[obj], from[aux], e);
  if (wrong == objects_fault::none) return;
  const bool first = wrong == objects_fault::obj;
  fail(std::string(name_of(e.kind)) + ": " + (first ? "obj" : "aux") + " has to be " +
       std::string(first ? expected_obj(e.kind) : expected_aux(e.kind)) + ", not " +
       quoted(from[first ? obj : aux]));
}

void tsv_parser::parse_circumstances(const fields& from, event& e) {
  std::int64_t number = 0;
  if (!parse_digits(from[cpu], number) || number > std::numeric_limits<std::uint16_t>::max()) {
    refuse(from, cpu, "bad number");
  }
  e.cpu = static_cast<std::uint16_t>(number);
  if (!parse_number_or_none(from[pid], e.pid)) refuse(from, pid, "bad number");

  const int context = context_words.find(from[ctx]);
  if (context < 0) refuse(from, ctx, "unknown context");
  e.context = static_cast<sampled_context>(context);
  const int current = actor_words.find(from[who]);
  if (current < 0) refuse(from, who, "unknown kind of task");
  e.who = static_cast<actor>(current);

  if (!parse_number_or_none(from[mm_users], e.mm_users)) refuse(from, mm_users, "bad number");
  if (!parse_number_or_none(from[mm_count], e.mm_count)) refuse(from, mm_count, "bad number");
  if (!parse_number_or_none(from[subj], e.subject)) refuse(from, subj, "bad number");

  e.comm = intern(from, comm, names_->comms, most::comms, most::comm_bytes);
  if (from[route].empty()) refuse(from, route, "empty");
  if (from[route] != "-") {
    e.route = intern(from, route, names_->routes, most::routes, most::route_bytes);
  }
}

}  // namespace trefoil::lab
