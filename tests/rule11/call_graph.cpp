// SPDX-License-Identifier: Apache-2.0
// Rule 11 by reading the machine code: everything that can be reached from a drop at level `any` is
// in the object file itself, and none of it is a system call.
//
// Everything a function mentions counts as a call: direct calls and jumps, addresses it takes (of
// teardowns that it postpones), tables it reads. The one place that may call through a pointer is
// where postponed teardowns run. What is cut off is the reporter of misuses: correct programs never
// go there. It must be mentioned by cold functions alone, which the compiler keeps in a section of
// their own. And the way of a pool above level `any`: a drop learns its level at run time.
#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct function {
  std::string section;
  std::uint64_t begin = 0;
  std::set<std::string> mentions;  // symbols, and "section+offset" resolved to symbols
  bool calls_through_pointer = false;
  bool enters_kernel = false;
};

struct object_file {
  std::string format;
  std::map<std::string, function> functions;
  std::set<std::string> undefined;
  std::map<std::string, std::string> data;              // symbol -> its section
  std::map<std::string, std::set<std::string>> tables;  // data section -> what it points at
};

std::vector<std::string> lines_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
  std::string all;
  std::array<char, 4096> piece;
  while (pipe && std::fgets(piece.data(), piece.size(), pipe.get()) != nullptr) all += piece.data();
  std::vector<std::string> lines;
  std::string::size_type at = 0;
  while (at < all.size()) {
    const auto end = std::min(all.find('\n', at), all.size());
    lines.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string plain(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : symbol;
}

/// A place in a section, as relocations name it, or a symbol.
struct target {
  std::string name;
  std::int64_t addend = 0;
};
target parse_target(const std::string& text) {
  static const std::regex shape(R"(^(.*?)([+-]0x[0-9a-f]+)?$)");
  std::smatch m;
  if (!std::regex_match(text, m, shape)) return {text, 0};
  return {m[1], m[2].matched ? std::stoll(m[2], nullptr, 16) : 0};
}

/// The function there, if that is a section with code; else the name as it stands.
std::string resolve(const object_file& o, const target& t, bool pc_relative) {
  const std::int64_t offset = t.addend + (pc_relative ? 4 : 0);  // relative to the next instruction
  std::optional<std::string> best;
  std::uint64_t best_begin = 0;
  for (const auto& [name, f] : o.functions) {
    if (f.section != t.name || offset < static_cast<std::int64_t>(f.begin)) continue;
    if (!best || f.begin >= best_begin) {
      best = name;
      best_begin = f.begin;
    }
  }
  return best.value_or(t.name);
}

object_file read(const std::string& path) {
  object_file o;
  static const std::regex section_head(R"(^Disassembly of section (.*):$)");
  static const std::regex function_head(R"(^([0-9a-f]+) <(.*)>:$)");
  static const std::regex instruction(R"(^ +[0-9a-f]+:\t([^\t]*)(?:\t.*)?$)");
  static const std::regex relocation(R"(\t *[0-9a-f]+: (R_[A-Z0-9_]+)\t([^\t]+))");
  static const std::regex branch(
      R"(^(?:notrack |bnd )?(call|j[a-z]+) +[0-9a-f]+ <([^>+]+)(?:\+0x[0-9a-f]+)?>)");
  static const std::regex through_pointer(R"(^(?:notrack |bnd )?(?:call|jmp) +\*)");
  static const std::regex kernel(R"(^(?:syscall|sysenter|int +\$0x80)\b)");

  const std::string tool = std::string(OBJDUMP) + " -w ";
  const std::vector<std::string> code = lines_of(tool + "-dr --no-show-raw-insn '" + path + "'");
  // The functions first: relocations name places in sections.
  std::string section;
  for (const std::string& line : code) {
    std::smatch m;
    if (const auto at = line.find("file format "); at != std::string::npos)
      o.format = line.substr(at + 12);
    if (std::regex_match(line, m, section_head)) section = m[1];
    if (std::regex_match(line, m, function_head)) {
      o.functions[m[2]].section = section;
      o.functions[m[2]].begin = std::stoull(m[1], nullptr, 16);
    }
  }
  function* now = nullptr;
  std::string now_name;
  for (const std::string& line : code) {
    std::smatch m;
    if (std::regex_match(line, m, function_head)) {
      now_name = m[2];
      now = &o.functions[now_name];
      continue;
    }
    if (now == nullptr) continue;
    if (std::regex_match(line, m, instruction)) {
      const std::string text = m[1];
      std::smatch b;
      const bool moved = std::regex_search(line, relocation);  // then the operand means nothing yet
      if (!moved && std::regex_search(text, b, branch) && b[2] != now_name)
        now->mentions.insert(b[2]);
      if (std::regex_search(text, through_pointer)) now->calls_through_pointer = true;
      if (std::regex_search(text, kernel)) now->enters_kernel = true;
    }
    std::string rest = line;
    while (std::regex_search(rest, m, relocation)) {
      const bool relative = m[1].str().find("PC32") != std::string::npos ||
                            m[1].str().find("PLT32") != std::string::npos ||
                            m[1].str().find("GOTPC") != std::string::npos;
      const target t = parse_target(m[2]);
      const bool is_section = !t.name.empty() && t.name[0] == '.';
      now->mentions.insert(is_section ? resolve(o, t, relative) : t.name);
      rest = m.suffix();
    }
  }
  // Symbols that are not functions, and those that are elsewhere.
  static const std::regex symbol(R"(^[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+ +(?:\.hidden )?(\S+)$)");
  for (const std::string& line : lines_of(tool + "-t '" + path + "'")) {
    std::smatch m;
    if (!std::regex_match(line, m, symbol)) continue;
    if (m[2] == "*UND*") {
      o.undefined.insert(m[3]);
    } else if (o.functions.count(m[3]) == 0) {
      o.data[m[3]] = m[2];
    }
  }
  // What tables point at.
  static const std::regex table_head(R"(^RELOCATION RECORDS FOR \[(.*)\]:$)");
  static const std::regex entry(R"(^[0-9a-f]+ +(R_\S+) +(\S+)$)");
  std::string table;
  for (const std::string& line : lines_of(tool + "-r '" + path + "'")) {
    std::smatch m;
    if (std::regex_match(line, m, table_head)) table = m[1];
    if (table.rfind(".text", 0) == 0 || table.rfind(".eh_frame", 0) == 0 ||
        table.rfind(".debug", 0) == 0 || table.rfind(".gcc_except", 0) == 0) {
      continue;
    }
    if (std::regex_match(line, m, entry)) {
      o.tables[table].insert(resolve(o, parse_target(m[2]), false));
    }
  }
  return o;
}

bool is_reporter(const std::string& symbol) {
  return plain(symbol).find("trefoil::misuse_report::raise(") == 0;
}

/// Where a pool goes above level `any` alone: release() has looked at the level before. That it looks is
/// shown by running: interposition.cpp, seccomp.cpp.
bool is_above_any(const std::string& symbol) {
  const std::string name = plain(symbol);
  return name.find("trefoil::pool<") == 0 && name.find(">::overflow(") != std::string::npos;
}

struct findings {
  std::set<std::string> functions;
  std::vector<std::string> wrong;
  bool reporter_mentioned = false;
  bool above_any_mentioned = false;
};

/// Everything that can be reached from there, and what must not be.
findings reach(const object_file& o, const std::string& from) {
  findings found;
  std::vector<std::string> todo{from};
  std::set<std::string> tables_seen;
  while (!todo.empty()) {
    const std::string name = todo.back();
    todo.pop_back();
    if (!found.functions.insert(name).second) continue;
    const function& f = o.functions.at(name);
    if (f.enters_kernel) found.wrong.push_back(plain(name) + " enters the kernel");
    if (f.calls_through_pointer && plain(name).find("::run_postponed(") == std::string::npos) {
      found.wrong.push_back(plain(name) + " calls through a pointer");
    }
    std::vector<std::string> mentions(f.mentions.begin(), f.mentions.end());
    while (!mentions.empty()) {
      const std::string m = mentions.back();
      mentions.pop_back();
      if (is_above_any(m)) {
        found.above_any_mentioned = true;
      } else if (is_reporter(m)) {
        found.reporter_mentioned = true;
        if (f.section.find("unlikely") == std::string::npos) {
          found.wrong.push_back(plain(name) + " reports a misuse and is not cold");
        }
      } else if (o.functions.count(m) != 0) {
        todo.push_back(m);
      } else if (o.undefined.count(m) != 0 && m != "_GLOBAL_OFFSET_TABLE_") {
        found.wrong.push_back(plain(name) + " uses " + plain(m));
      } else {
        const auto data = o.data.find(m);
        const std::string section = data != o.data.end() ? data->second : m;
        if (const auto table = o.tables.find(section);
            table != o.tables.end() && tables_seen.insert(section).second) {
          mentions.insert(mentions.end(), table->second.begin(), table->second.end());
        }
      }
    }
  }
  return found;
}

std::string all_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  return text;
}

bool mentions(const findings& f, const char* what) {
  return std::any_of(f.wrong.begin(), f.wrong.end(),
                     [what](const std::string& w) { return w.find(what) != std::string::npos; });
}

class call_graph : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    object_ = read(GetParam());
    if (object_.format != "elf64-x86-64") {
      GTEST_SKIP() << "this reads x86-64 code, not " << object_.format;
    }
  }
  object_file object_;
};

TEST_P(call_graph, drops_at_any_stay_within) {
  int looked_at = 0;
  bool reporter_mentioned = false;
  bool above_any_mentioned = false;
  for (const auto& [name, f] : object_.functions) {
    if (name.rfind("clean_", 0) != 0 || name.find(".cold") != std::string::npos) continue;
    const findings found = reach(object_, name);
    EXPECT_TRUE(found.wrong.empty()) << name << ":" << all_of(found.wrong);
    reporter_mentioned = reporter_mentioned || found.reporter_mentioned;
    above_any_mentioned = above_any_mentioned || found.above_any_mentioned;
    ++looked_at;
  }
  EXPECT_EQ(looked_at, 10);
  // If not, the cut was never made and what is cut off has another name by now.
  EXPECT_TRUE(reporter_mentioned);
  EXPECT_TRUE(above_any_mentioned);
}

TEST_P(call_graph, control_an_allocation_is_seen) {
  const findings found = reach(object_, "allocating_make");
  EXPECT_TRUE(mentions(found, "operator new")) << all_of(found.wrong);
}

TEST_P(call_graph, control_a_wake_up_is_seen) {
  const findings found = reach(object_, "waking_drop");
  EXPECT_TRUE(mentions(found, "uses syscall")) << all_of(found.wrong);
}

TEST_P(call_graph, control_a_trap_is_seen) {
  const findings found = reach(object_, "trapping");
  EXPECT_TRUE(mentions(found, "enters the kernel")) << all_of(found.wrong);
}

INSTANTIATE_TEST_SUITE_P(executable, call_graph, testing::Values(OBJECT_FOR_EXECUTABLES));
INSTANTIATE_TEST_SUITE_P(shared_object, call_graph, testing::Values(OBJECT_FOR_SHARED_OBJECTS));

}  // namespace
