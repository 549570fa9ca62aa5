// SPDX-License-Identifier: Apache-2.0
/// @file
/// References to an object that lives: the mechanism itself, on simulated CPUs.
#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "objects.hpp"
#include "subject.hpp"
#include "trefoil/kill.hpp"

namespace bench::cache_lines {

namespace {

using trefoil::ref;

/// An addition and a subtraction: on one counter for all, or on one for each.
class floor : public subject {
 public:
  explicit floor(unsigned counters) : counts_(counters) {}
  void acquire(unsigned cpu) override { of(cpu).fetch_add(1, std::memory_order_relaxed); }
  void release(unsigned cpu) override { of(cpu).fetch_sub(1, std::memory_order_release); }

 private:
  struct alignas(line_bytes) counter {
    atomic<std::uint64_t> value{1};
  };
  atomic<std::uint64_t>& of(unsigned cpu) { return counts_[cpu % counts_.size()].value; }
  std::vector<counter> counts_;
};

/// Each CPU holds a reference to one tier of an object and takes others from it, to another tier or
/// the same.
template <class Object, class Held, class Taken = Held>
class taking : public subject {
  using made = ref<Object, trefoil::outermost_tier<Object>>;

 public:
  taking(unsigned cpus, made object) : object_(std::move(object)), held_(cpus), taken_(cpus) {}
  ~taking() override {
    if constexpr (trefoil::per_cpu_tier_of<trefoil::outermost_tier<Object>, Object>)
      trefoil::kill(object_);
  }
  taking(const taking&) = delete;
  taking& operator=(const taking&) = delete;
  void prepare(unsigned cpu) override {
    if constexpr (std::same_as<Held, trefoil::outermost_tier<Object>>) {
      held_[cpu] = object_;
    } else {
      held_[cpu] = object_.template share<Held>();
    }
  }
  void finish(unsigned cpu) override { held_[cpu].drop(); }

  void acquire(unsigned cpu) override {
    const ref<Object, Held>& held = held_[cpu];
    if constexpr (std::same_as<Held, Taken>) {
      taken_[cpu] = held;
    } else if constexpr (trefoil::inside_of<Taken, Object, Held>) {
      taken_[cpu] = held.template share<Taken>();
    } else {
      taken_[cpu] = held.template promote<Taken>();
    }
  }
  void release(unsigned cpu) override { taken_[cpu].drop(); }

 private:
  made object_;
  std::vector<ref<Object, Held>> held_;
  std::vector<ref<Object, Taken>> taken_;
};

/// A third of the CPUs each holds another tier, as users, lazy CPUs and tracers of an address space do.
template <class Object>
class three_kinds : public subject {
 public:
  explicit three_kinds(unsigned cpus, const ref<Object, outer>& object)
      : users_(cpus, object), lazy_(cpus, object), bare_(cpus, object) {}
  void prepare(unsigned cpu) override { of(cpu).prepare(cpu); }
  void finish(unsigned cpu) override { of(cpu).finish(cpu); }
  void acquire(unsigned cpu) override { of(cpu).acquire(cpu); }
  void release(unsigned cpu) override { of(cpu).release(cpu); }

 private:
  subject& of(unsigned cpu) {
    switch (cpu % 3) {
      case 0: return users_;
      case 1: return lazy_;
      default: return bare_;
    }
  }
  taking<Object, outer> users_;
  taking<Object, middle> lazy_;
  taking<Object, apart> bare_;
};

/// Each CPU made an object of its own.
class own_object : public subject {
 public:
  explicit own_object(unsigned cpus) : held_(cpus), taken_(cpus) {}
  void prepare(unsigned cpu) override { held_[cpu] = trefoil::make<packed>(); }
  void finish(unsigned cpu) override { held_[cpu].drop(); }
  void acquire(unsigned cpu) override { taken_[cpu] = held_[cpu]; }
  void release(unsigned cpu) override { taken_[cpu].drop(); }

 private:
  std::vector<ref<packed, outer>> held_;
  std::vector<ref<packed, outer>> taken_;
};

template <class Subject, class Object>
auto on_one() {
  return [](unsigned cpus) { return std::make_unique<Subject>(cpus, trefoil::make<Object>()); };
}

}  // namespace

void add_references(std::vector<row>& to) {
  to.push_back(
      {"floor", "one atomic inc + dec", true, [](unsigned) { return std::make_unique<floor>(1); }});
  to.push_back({"floor_own", "the same, each its own", true,
                [](unsigned cpus) { return std::make_unique<floor>(cpus); }});
  to.push_back({"ref_copy", "ref copy + drop", true, on_one<taking<packed, outer>, packed>()});
  to.push_back(
      {"ref_share", "ref share + drop", true, on_one<taking<packed, outer, apart>, packed>()});
  to.push_back(
      {"ref_promote", "ref promote + drop", true, on_one<taking<packed, apart, outer>, packed>()});
  to.push_back(
      {"ref_wide_copy", "ref copy + drop, wide counts", true, on_one<taking<wide, outer>, wide>()});
  to.push_back({"ref_padded_copy", "ref copy + drop, padded counts", true,
                on_one<taking<padded, outer>, padded>()});
  to.push_back({"ref_padded_promote", "ref promote + drop, padded counts", true,
                on_one<taking<padded, apart, outer>, padded>()});
  to.push_back({"ref_three_kinds", "ref copy + drop, a third of the CPUs each tier", true,
                on_one<three_kinds<packed>, packed>()});
  to.push_back({"ref_padded_three_kinds", "the same, padded counts", true,
                on_one<three_kinds<padded>, padded>()});
  to.push_back({"ref_per_cpu_copy", "ref copy + drop, counted per CPU", true,
                on_one<taking<per_cpu_object, counted_per_cpu>, per_cpu_object>()});
  to.push_back({"ref_own", "ref copy + drop, each its own object", true,
                [](unsigned cpus) { return std::make_unique<own_object>(cpus); }});
}

}  // namespace bench::cache_lines
