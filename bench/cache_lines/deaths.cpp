// SPDX-License-Identifier: Apache-2.0
/// @file
/// Objects that are made and dropped: where they may die, and where they may not.
#include <memory>
#include <vector>

#include "objects.hpp"
#include "subject.hpp"

namespace bench::cache_lines {

namespace {

/// Made by a CPU, dropped by the same.
class life : public subject {
 public:
  explicit life(unsigned cpus) : owners_(cpus) {}
  void acquire(unsigned cpu) override { owners_[cpu] = trefoil::make<small>(); }
  void release(unsigned cpu) override { owners_[cpu].drop(); }

 protected:
  std::vector<trefoil::ref<small, outer>> owners_;
};

/// Dropped where it must not be torn down. CPU 0 polls: its memory comes back from there.
class deferred : public life {
 public:
  using life::life;
  void release(unsigned cpu) override {
    {
      const context::basic_scope<platform> here(context::any);
      owners_[cpu].drop();
    }
    if (cpu == 0) reclaimer::poll();
  }
  void finish(unsigned cpu) override {
    if (cpu == 0) reclaimer::poll();
  }
};

}  // namespace

void add_deaths(std::vector<row>& to) {
  to.push_back({"ref_life", "make + drop", true,
                [](unsigned cpus) { return std::make_unique<life>(cpus); }});
  to.push_back({"ref_deferred", "make + drop at level any, CPU 0 reclaims", true,
                [](unsigned cpus) { return std::make_unique<deferred>(cpus); }});
}

}  // namespace bench::cache_lines
