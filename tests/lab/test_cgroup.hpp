// SPDX-License-Identifier: Apache-2.0
// A control group for one test, below the one that the test itself is in, gone with it.
#ifndef TREFOIL_TESTS_LAB_TEST_CGROUP_HPP
#define TREFOIL_TESTS_LAB_TEST_CGROUP_HPP

#include "lab/cgroup.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace trefoil::lab {

class test_cgroup {
 public:
  // Of "memory" or "pids".
  explicit test_cgroup(const std::string& controller) : at_(cgroups_of(controller)) {
    if (at_.version == 0) return;
    path_ = at_.path.front() + "/trefoil-test-" + std::to_string(::getpid());
    if (::mkdir(path_.c_str(), 0755) != 0) path_.clear();
  }
  ~test_cgroup() {
    // Whoever has ended is out of it a moment later.
    for (int i = 0; i < 500 && !path_.empty() && ::rmdir(path_.c_str()) != 0; ++i) ::usleep(10'000);
  }
  test_cgroup(const test_cgroup&) = delete;
  test_cgroup& operator=(const test_cgroup&) = delete;

  // False: there is none here, or it may not be limited.
  bool limits(const std::string& file, const std::string& to) const {
    if (path_.empty() || !std::filesystem::exists(path_ + "/" + file)) return false;
    std::ofstream(path_ + "/" + file) << to;
    std::string now;
    std::ifstream(path_ + "/" + file) >> now;
    return now == to;
  }
  bool limits_memory(std::uint64_t bytes) const {
    return limits(at_.version == 1 ? "memory.limit_in_bytes" : "memory.max", std::to_string(bytes));
  }

  // The calling process, which is a child of the test, is in it from now on.
  void enter() const {
    const int fd = ::open((path_ + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (::write(fd, "0", 1) != 1) ::_exit(77);
    ::close(fd);
  }
  // Nobody is in it any more.
  bool comes_to_be_empty() const {
    for (int i = 0; i < 1000; ++i, ::usleep(10'000)) {
      std::string one;
      if (!(std::ifstream(path_ + "/cgroup.procs") >> one)) return true;
    }
    return false;
  }
  const std::string& path() const noexcept { return path_; }

 private:
  cgroup_folders at_;
  std::string path_;
};

}  // namespace trefoil::lab

#endif
