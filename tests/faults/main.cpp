// SPDX-License-Identifier: Apache-2.0
// faults_run [--allocations SO] [--system-call N] [--way K] [--allocation N] [--seconds S] [--list]
//            [--report FILE] -- COMMAND...
//
// Runs COMMAND, lets its N-th system call or allocation fail, and writes to FILE (or stderr) in JSON how
// it ended. ./run makes all the trials; README.md says more.
#include "tracer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <new>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace {

using namespace faults;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < ' ' ? '?' : c;
  }
  return out + '"';
}

template <class Range, class Write>
std::string list_of(const Range& all, Write write) {
  std::ostringstream out;
  out << '[';
  for (bool first = true; const auto& one : all) {
    out << (first ? "" : ", ");
    write(out, one);
    first = false;
  }
  out << ']';
  return out.str();
}

const char* name_of(const way& one) {
  switch (one.how) {
    case manner::shorter: return "short";
    case manner::no_more: return "ENOMEM";
    default: return strerrorname_np(one.error);
  }
}

void write(std::ostream& out, const seen_call& one) {
  out << R"({"name": )" << quoted(one.name) << R"(, "first": )" << one.first_argument
      << R"(, "place": ")" << std::hex << one.place << std::dec << R"(", "ways": )"
      << list_of(one.ways, [](std::ostream& to, const way& w) { to << quoted(name_of(w)); }) << '}';
}

std::string report(const outcome& r, const shared_counts& shared) {
  std::ostringstream out;
  const auto number = [](std::ostream& to, auto value) { to << value; };
  out << R"({"status": )" << (r.status ? std::to_string(*r.status) : "null") << R"(, "signal": )"
      << (r.signal ? quoted(sigabbrev_np(*r.signal)) : "null") << R"(, "hung": )"
      << (r.hung ? "true" : "false") << R"(, "system_calls": )" << list_of(r.system_calls, number)
      << R"(, "allocations": )" << shared.allocations << R"(, "allocation_failed": )"
      << (shared.fail != 0 && shared.allocations >= shared.fail ? "true" : "false")
      << R"(, "blocks_left": )" << shared.live << R"(, "left_open": )"
      << list_of(r.left_open, [](std::ostream& to, const std::string& s) { to << quoted(s); })
      << R"(, "left_running": )" << list_of(r.left_running, number);
  if (r.failed) {
    out << R"(, "failed": )";
    write(out, *r.failed);
  }
  if (shared.note_places != 0) {
    out << R"(, "calls": )"
        << list_of(r.listed, [](std::ostream& to, const auto& c) { write(to, c); });
    const std::uint64_t known =
        std::min<std::uint64_t>(shared.allocations, shared_counts::most_places);
    out << R"(, "allocation_places": )" << list_of(std::span(shared.places, known), number);
  }
  out << "}\n";
  return out.str();
}

shared_counts& new_shared_counts() {
  const int fd = memfd_create("trefoil faults", MFD_CLOEXEC);
  void* at = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, sizeof(shared_counts)) == 0) {
    at = mmap(nullptr, sizeof(shared_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (at == MAP_FAILED) throw std::bad_alloc();
  const std::string name = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
  setenv(shared_counts::variable, name.c_str(), 1);
  return *static_cast<shared_counts*>(at);  // zeros are what it begins with
}

int run(int argc, char** argv) {
  trial what;
  std::string to;
  std::uint64_t allocation = 0;
  int i = 1;
  for (; i + 1 < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view option = argv[i];
    if (option == "--list") {
      what.list = true;
      continue;
    }
    const char* const value = argv[++i];
    const std::uint64_t n = std::strtoull(value, nullptr, 10);
    if (option == "--allocations") {
      what.allocations = value;
    } else if (option == "--system-call") {
      what.system_call = n;
    } else if (option == "--way") {
      what.way = n;
    } else if (option == "--allocation") {
      allocation = n;
    } else if (option == "--seconds") {
      what.seconds = static_cast<unsigned>(n);
    } else if (option == "--report") {
      to = value;
    } else {
      std::cerr << "faults_run: no option " << option << '\n';
      return 2;
    }
  }
  if (++i >= argc) {
    std::cerr << "faults_run: no command; see tests/faults/README.md\n";
    return 2;
  }
  what.command.assign(argv + i, argv + argc + 1);
  shared_counts& shared = new_shared_counts();
  shared.fail = allocation;
  shared.note_places = what.list ? 1 : 0;
  const outcome result = tracer(what, shared).run();
  const std::string text = report(result, shared);
  if (to.empty()) {
    std::cerr << text;
  } else {
    std::ofstream(to) << text;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& wrong) {
    std::cerr << "faults_run: " << wrong.what() << '\n';
    return 2;
  }
}
