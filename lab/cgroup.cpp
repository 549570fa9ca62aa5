// SPDX-License-Identifier: Apache-2.0
#include "lab/cgroup.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace trefoil::lab {

namespace {

bool names(const std::string& list, const std::string& one) {
  return ("," + list + ",").find("," + one + ",") != std::string::npos;
}

struct place_in_tree {
  int version = 0;
  std::string path;
};

// "4:cpu,cpuacct:/a/b"; of version 2: "0::/a/b". A controller that version 1 has is not version 2's.
place_in_tree place_of(const std::string& controller, const std::string& process) {
  place_in_tree found;
  std::ifstream from(process + "/cgroup");
  for (std::string line; std::getline(from, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (names(controllers, controller)) return {1, path};
    if (line.starts_with("0::")) found = {2, path};
  }
  return found;
}

// Spaces and the like are octal: "\040".
std::string unescaped(const std::string& text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && std::all_of(&text[i + 1], &text[i + 4], octal)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct mounted {
  std::string root;  // what of the tree is there
  std::string at;
};

// "36 35 0:30 ROOT AT rw,nosuid shared:1 - cgroup2 cgroup2 rw,nsdelegate"
std::optional<mounted> mount_in(const std::string& line, int version,
                                const std::string& controller) {
  std::istringstream all(line);
  const std::vector<std::string> words{std::istream_iterator<std::string>(all), {}};
  const auto dash = std::find(words.begin(), words.end(), "-");
  if (words.size() < 6 || words.end() - dash < 4) return {};
  if (version == 2 ? dash[1] != "cgroup2" : dash[1] != "cgroup" || !names(dash[3], controller)) {
    return {};
  }
  return mounted{unescaped(words[3]), unescaped(words[4])};
}

}  // namespace

cgroup_folders cgroups_of(const std::string& controller, const std::string& process,
                          const std::string& files) {
  const place_in_tree here = place_of(controller, process);
  if (here.version == 0) return {};
  std::ifstream from(process + "/mountinfo");
  for (std::string line; std::getline(from, line);) {
    const auto mount = mount_in(line, here.version, controller);
    if (!mount) continue;
    // Both are as this process's cgroup namespace sees them: "/../x" is outside of it.
    const std::filesystem::path inside =
        std::filesystem::path(here.path).lexically_relative(mount->root);
    if (inside.empty() || *inside.begin() == "..") continue;
    cgroup_folders found{here.version, {}};
    std::filesystem::path folder = inside == "." ? std::filesystem::path() : inside;
    for (;; folder = folder.parent_path()) {
      found.path.push_back(files + mount->at);
      if (!folder.empty()) found.path.back().append("/").append(folder.string());
      if (folder.empty()) return found;
    }
  }
  return {};
}

}  // namespace trefoil::lab
