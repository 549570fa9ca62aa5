// SPDX-License-Identifier: Apache-2.0
// The text form of a recording: what is read of it, and what is refused with which words.
#include "lab/tsv/parser.hpp"

#include "tests/lab/text.hpp"

namespace trefoil::lab {
namespace {

std::vector<event> parse(const std::string& text, names& all) {
  std::vector<event> events;
  tsv_parser parser("x.tsv", text, all);
  for (event e; parser.next(e);) events.push_back(e);
  return events;
}

std::string parse_error(const std::string& text) {
  names all;
  return error_of([&] { parse(text, all); });
}

const std::string ordinary = "0\t7\tsh\ttask\tuser\t-1\t-1\t-1\t-";

TEST(Parser, ReadsEveryColumn) {
  names all;
  const auto events =
      parse(header + row("12.3", "mm_free", "m7", "-",
                         "3\t42\tkworker/u8:5\tsoftirq\tkworker\t0\t2\t9\tclose /proc/PID/mem"),
            all);
  ASSERT_EQ(events.size(), 1U);
  event expected;
  expected.time_ns = 12300;
  expected.kind = event_kind::mm_free;
  expected.context = sampled_context::softirq;
  expected.who = actor::kworker;
  expected.cpu = 3;
  expected.pid = 42;
  expected.comm = comm_id{0};
  expected.route = route_id{0};
  expected.mm = mm_id{7};
  expected.mm_users = 0;
  expected.mm_count = 2;
  expected.subject = 9;
  EXPECT_EQ(events[0], expected);
  EXPECT_EQ(all.comms.text(comm_id{0}), "kworker/u8:5");
  EXPECT_EQ(all.routes.text(route_id{0}), "close /proc/PID/mem");
}

TEST(Parser, ReadsTheFormsOfAux) {
  names all;
  const auto events = parse(
      header + row("0", "task_exit", "-", "t1,f2,s3") + row("0", "prep_exec", "m2", "m1") +
          row("0", "switch", "m4", "prev_mm=-,next_mm=m5,next=t6") + row("0", "fork", "-", "t0"),
      all);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_FALSE(events[0].mm);
  EXPECT_EQ(events[0].task, task_id{1});
  EXPECT_EQ(events[0].files, files_id{2});
  EXPECT_EQ(events[0].sighand, sighand_id{3});
  EXPECT_EQ(events[1].old_mm, mm_id{1});
  EXPECT_FALSE(events[2].prev_mm);
  EXPECT_EQ(events[2].next_mm, mm_id{5});
  EXPECT_EQ(events[2].task, task_id{6});
  EXPECT_EQ(events[3].task, task_id{0});
}

TEST(Parser, ReadsTimesToTheNanosecond) {
  names all;
  const auto events = parse(
      header + row("0", "oom", "t1") + row("1.2", "oom", "t1") + row("1.234", "oom", "t1"), all);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].time_ns, 1200);
  EXPECT_EQ(events[2].time_ns, 1234);
}

TEST(Parser, TakesALastLineWithoutAnEnd) {
  names all;
  std::string text = one_life();
  text.pop_back();
  EXPECT_EQ(parse(text, all).size(), 12U);
  EXPECT_TRUE(parse(header, all).empty());
}

TEST(Parser, RefusesAWrongHeader) {
  EXPECT_EQ(parse_error(""), "x.tsv:1: empty: the header line is missing");
  EXPECT_EQ(parse_error("t_us\tevent\tobj\n"), "x.tsv:1: header: column 'aux' is missing");
  EXPECT_EQ(parse_error("hello\n"), "x.tsv:1: header: column 't_us' is missing: found 'hello'");
  std::string more = header;
  more.insert(more.size() - 1, "\textra");
  EXPECT_EQ(parse_error(more), "x.tsv:1: header: unknown column 'extra'");
}

TEST(Parser, RefusesAWrongNumberOfColumns) {
  const std::string good = header + row("0", "oom", "t1");
  EXPECT_EQ(parse_error(good + "1.0\toom\tt1\t-\t0\t7\tsh\n"),
            "x.tsv:3: 7 of 13 columns: 'ctx' is missing");
  EXPECT_EQ(parse_error(good + "\n"), "x.tsv:3: 1 of 13 columns: 'event' is missing");
  EXPECT_EQ(parse_error(header + row("0", "oom", "t1", "-", ordinary + "\t-")),
            "x.tsv:2: more than 13 columns");
}

TEST(Parser, RefusesAnUnknownEvent) {
  EXPECT_EQ(parse_error(header + row("0", "mm_born", "m1")), "x.tsv:2: unknown event 'mm_born'");
  EXPECT_EQ(parse_error(header + row("0", "", "m1")), "x.tsv:2: unknown event ''");
  EXPECT_EQ(parse_error(header + row("0", "\x1b[2J", "m1")), "x.tsv:2: unknown event '?[2J'");
}

TEST(Parser, RefusesABadNumber) {
  const auto with = [](const std::string& rest) {
    return parse_error(header + row("0", "oom", "t1", "-", rest));
  };
  EXPECT_EQ(parse_error(header + row("1e3", "oom", "t1")), "x.tsv:2: t_us: bad number '1e3'");
  EXPECT_EQ(parse_error(header + row("-1", "oom", "t1")), "x.tsv:2: t_us: bad number '-1'");
  EXPECT_EQ(parse_error(header + row("1.", "oom", "t1")), "x.tsv:2: t_us: bad number '1.'");
  EXPECT_EQ(parse_error(header + row("1.2345", "oom", "t1")), "x.tsv:2: t_us: bad number '1.2345'");
  EXPECT_EQ(parse_error(header + row("", "oom", "t1")), "x.tsv:2: t_us: bad number ''");
  EXPECT_EQ(with("x\t7\tsh\ttask\tuser\t-1\t-1\t-1\t-"), "x.tsv:2: cpu: bad number 'x'");
  EXPECT_EQ(with("65536\t7\tsh\ttask\tuser\t-1\t-1\t-1\t-"), "x.tsv:2: cpu: bad number '65536'");
  EXPECT_EQ(with("0\t7 \tsh\ttask\tuser\t-1\t-1\t-1\t-"), "x.tsv:2: pid: bad number '7 '");
  EXPECT_EQ(with("0\t7\tsh\ttask\tuser\t-2\t-1\t-1\t-"), "x.tsv:2: mm_users: bad number '-2'");
  EXPECT_EQ(with("0\t7\tsh\ttask\tuser\t-1\t99999999999\t-1\t-"),
            "x.tsv:2: mm_count: bad number '99999999999'");
  EXPECT_EQ(with("0\t7\tsh\ttask\tuser\t-1\t-1\t+1\t-"), "x.tsv:2: subj: bad number '+1'");
  EXPECT_EQ(with("0\t7\tsh\tnmi\tuser\t-1\t-1\t-1\t-"), "x.tsv:2: ctx: unknown context 'nmi'");
  EXPECT_EQ(with("0\t7\tsh\ttask\troot\t-1\t-1\t-1\t-"),
            "x.tsv:2: who: unknown kind of task 'root'");
  EXPECT_EQ(with("0\t7\tsh\ttask\tuser\t-1\t-1\t-1\t"), "x.tsv:2: route: empty ''");
}

TEST(Parser, RefusesTimeGoingBackwards) {
  EXPECT_EQ(parse_error(header + row("5.0", "oom", "t1") + row("5.0", "oom", "t1") +
                        row("4.9", "oom", "t1")),
            "x.tsv:4: out of order: 4.9 us is before the line before (5.0 us)");
}

TEST(Parser, RefusesAnIdThatDoesNotFit) {
  const auto with = [](const char* kind, const char* obj, const char* aux) {
    return parse_error(header + row("0", kind, obj, aux));
  };
  EXPECT_EQ(with("task_free", "m1", "-"),
            "x.tsv:2: task_free: obj has to be a task (t1), not 'm1'");
  EXPECT_EQ(with("mm_free", "-", "-"), "x.tsv:2: mm_free: obj has to be an mm (m1), not '-'");
  EXPECT_EQ(with("mm_free", "m1", "t1"), "x.tsv:2: mm_free: aux has to be -, not 't1'");
  EXPECT_EQ(with("mm_alloc", "m", "-"), "x.tsv:2: mm_alloc: obj has to be an mm (m1), not 'm'");
  EXPECT_EQ(with("mm_alloc", "m4294967295", "-"),
            "x.tsv:2: mm_alloc: obj has to be an mm (m1), not 'm4294967295'");
  EXPECT_EQ(with("fork", "m1", "-"), "x.tsv:2: fork: aux has to be a task (t1), not '-'");
  EXPECT_EQ(with("task_exit", "m1", "t1,f1"),
            "x.tsv:2: task_exit: aux has to be task,files,sighand (t1,f1,s1), not 't1,f1'");
  EXPECT_EQ(
      with("switch", "m1", "prev_mm=-,next=t1"),
      "x.tsv:2: switch: aux has to be prev_mm=m1,next_mm=m1,next=t1, not 'prev_mm=-,next=t1'");
}

TEST(Parser, RefusesALineWithoutEnd) {
  EXPECT_EQ(parse_error(header + std::string(1 << 20, 'x')),
            "x.tsv:2: the line is longer than 65536 bytes");
}

class PackedText : public files {
 protected:
  static std::string read_all(const std::string& file) {
    return error_of([&] {
      names all;
      tsv_parser parser(file, all);
      for (event e; parser.next(e);) continue;
    });
  }
};

TEST_F(PackedText, IsRecognisedByItsBytes) {
  EXPECT_EQ(read_all(write_gzip("x.tsv.gz", one_life())), "no error");
  EXPECT_EQ(read_all(write_gzip("x.tsv", one_life())), "no error");
}

TEST_F(PackedText, MayBeSeveralFilesInOne) {
  const std::string text = one_life();
  const std::string first = content(write_gzip("1.gz", text.substr(0, 200)));
  const std::string second = content(write_gzip("2.gz", text.substr(200)));
  EXPECT_EQ(read_all(write("x.gz", first + second)), "no error");
}

TEST_F(PackedText, HasToBeThere) {
  EXPECT_EQ(read_all(path("none.tsv")), path("none.tsv") + ": No such file or directory");
  const std::string plain = write("x.tsv.gz", one_life());
  EXPECT_EQ(read_all(plain), plain + ": not gzip");
  const std::string empty = write("y.tsv.gz", "");
  EXPECT_EQ(read_all(empty), empty + ": empty, so not gzip");
}

TEST_F(PackedText, HasToBeWhole) {
  const std::string packed = content(write_gzip("1.gz", one_life()));
  const std::string cut = write("x.gz", packed.substr(0, packed.size() - 9));
  const std::string message = read_all(cut);
  EXPECT_TRUE(message.starts_with(cut + ":")) << message;
  EXPECT_TRUE(message.ends_with(": the gzip data is truncated")) << message;

  const std::string longer = read_all(write("y.gz", packed + "tail"));
  EXPECT_TRUE(longer.ends_with("there is something else behind the gzip data")) << longer;

  std::string damaged = packed;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  const std::string wrong = read_all(write("z.gz", damaged));
  EXPECT_NE(wrong.find(": the gzip data is damaged: "), std::string::npos) << wrong;
}

}  // namespace
}  // namespace trefoil::lab
