// SPDX-License-Identifier: Apache-2.0
// Small recordings in text form, and files that clean up after themselves.
#ifndef TREFOIL_TESTS_LAB_TEXT_HPP
#define TREFOIL_TESTS_LAB_TEXT_HPP

#include "lab/error.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>
#include <zlib.h>

namespace trefoil::lab {

inline const std::string header =
    "t_us\tevent\tobj\taux\tcpu\tpid\tcomm\tctx\twho\tmm_users\tmm_count\tsubj\troute\n";

// One line; what follows aux is ordinary.
inline std::string row(const std::string& time, const std::string& kind, const std::string& obj,
                       const std::string& aux = "-",
                       const std::string& rest = "0\t7\tsh\ttask\tuser\t-1\t-1\t-1\t-") {
  return time + '\t' + kind + '\t' + obj + '\t' + aux + '\t' + rest + '\n';
}

// A process from fork to the end of its task.
inline std::string one_life() {
  return header + row("0.0", "task_alloc", "t1") + row("1.5", "mm_alloc", "m1") +
         row("2.0", "fork", "m1", "t1", "0\t7\tsh\t-\tuser\t1\t1\t8\t-") +
         row("9.0", "task_exit", "m1", "t1,f1,s1", "1\t8\tsh\t-\tuser-exiting\t1\t1\t0\t-") +
         row("9.1", "exit_mm", "m1", "t1", "1\t8\tsh\t-\tuser-exiting\t1\t2\t-1\t-") +
         row("9.2", "exit_mmap", "m1", "-",
             "1\t8\tsh\ttask\tuser-exiting\t0\t2\t-1\tdo_exit (mmput)") +
         row("9.3", "files_free", "f1") +
         row("9.4", "dead_drop", "m1", "t2", "1\t0\tswapper/1\t-\tidle\t0\t1\t7\t-") +
         row("9.5", "mm_free", "m1", "-", "1\t7\tsh\ttask\tuser\t0\t0\t-1\tcontext-switch") +
         row("9.6", "sighand_free", "s1") + row("9.7", "rcu_put", "t1") +
         row("9.7", "task_free", "t1", "-",
             "1\t0\tswapper/1\tsoftirq\tidle\t-1\t-1\t-1\trcu callback");
}

// The one line of the error that the work ends with.
template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const error& e) { return e.what(); }
  return "no error";
}

// A folder of its own for each test.
class files : public ::testing::Test {
 protected:
  files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trefoil-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
  }
  ~files() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  std::string write_gzip(const std::string& name, const std::string& content) const {
    const gzFile file = gzopen(path(name).c_str(), "wb");
    gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    gzclose(file);
    return path(name);
  }

  static std::string content(const std::string& of) {
    std::ifstream file(of, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What is in the folder, sorted: a failed import must leave nothing.
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto& one : std::filesystem::directory_iterator(folder_)) {
      names.push_back(one.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace trefoil::lab

#endif
