// SPDX-License-Identifier: Apache-2.0
// lab_fuzz_seeds FOLDER RECORDING.tsv.gz...: what the fuzzer begins with. Of each recording the header
// and the first two events of each kind, as text and packed: small, and every form of line is there.
#include "lab/tsv/byte_source.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <zlib.h>

namespace {

std::string unpacked(const std::string& path) {
  trefoil::lab::byte_source source(path);
  std::string text;
  std::string some(1 << 16, '\0');
  while (const std::size_t got = source.read(some)) text.append(some, 0, got);
  return text;
}

std::string seed_of(const std::string& recording) {
  std::istringstream lines(recording);
  std::string line;
  std::getline(lines, line);
  std::string seed = line + '\n';
  std::map<std::string, int> count;
  while (std::getline(lines, line)) {
    const std::size_t begin = line.find('\t') + 1;
    if (++count[line.substr(begin, line.find('\t', begin) - begin)] <= 2) seed += line + '\n';
  }
  return seed;
}

void write(const std::filesystem::path& to, const std::string& seed) {
  std::ofstream(to, std::ios::binary) << seed;
  const gzFile packed = gzopen((to.string() + ".gz").c_str(), "wb");
  const bool written =
      packed != nullptr && gzwrite(packed, seed.data(), static_cast<unsigned>(seed.size())) > 0;
  if (gzclose(packed) != Z_OK || !written) throw std::runtime_error(to.string() + ": not written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: lab_fuzz_seeds FOLDER RECORDING.tsv.gz...\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path folder(argv[1]);
    std::filesystem::create_directories(folder);
    for (int i = 2; i < argc; ++i) {
      write(folder / std::filesystem::path(argv[i]).stem(), seed_of(unpacked(argv[i])));
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
