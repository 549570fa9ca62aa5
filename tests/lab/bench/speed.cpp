// SPDX-License-Identifier: Apache-2.0
// How fast a text is parsed, imported and read back, in million events a second of processor time:
// other programs on the machine matter less to that than to the time on the wall.
#include "lab/error.hpp"
#include "lab/recording/reader.hpp"
#include "lab/tsv/import.hpp"
#include "lab/tsv/parser.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>

namespace {

using namespace trefoil::lab;

template <class Work>
void measure(const char* what, Work work) {
  const std::clock_t begin = std::clock();
  const auto events = static_cast<double>(work());
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::printf("%-28s %6.2f M events/s\n", what, events / seconds / 1e6);
}

int run(const std::string& text, int rounds) {
  const std::string recording =
      (std::filesystem::temp_directory_path() / "trefoil-speed.trefoil").string();
  measure("parse (with unpacking)", [&] {
    std::int64_t events = 0;
    for (int i = 0; i < rounds; ++i) {
      names all;
      tsv_parser parser(text, all);
      for (event e; parser.next(e);) ++events;
    }
    return events;
  });
  measure("import", [&] {
    import_options options;
    options.repeat = rounds;
    return import_tsv(text, recording, options).events;
  });
  measure("read a recording", [&] {
    recording_reader reader(recording);
    for (event e; reader.next(e);) continue;
    return reader.row();
  });
  std::filesystem::remove(recording);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: lab_speed FILE.tsv[.gz] [ROUNDS]\n", stderr);
    return 2;
  }
  try {
    return run(argv[1], argc > 2 ? std::atoi(argv[2]) : 30);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
