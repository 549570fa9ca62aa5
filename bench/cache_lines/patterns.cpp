// SPDX-License-Identifier: Apache-2.0
/// @file
/// The peers, as data: which lines one pair of calls touches, read off their sources. No value is
/// compared, so nothing is tried again and nobody waits for a lock: with many CPUs a peer that does
/// such things costs more than is said here.
#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "subject.hpp"

namespace bench::cache_lines {

namespace {

/// The lines there are: for all CPUs one counter and the place where a pointer to the object is
/// published (with its lock, or the epoch), and one for each CPU.
enum class place { counter, published, own };

struct step {
  place where;
  access kind;
};

constexpr step read_counter{place::counter, access::read};
constexpr step update_counter{place::counter, access::update};
constexpr step read_published{place::published, access::read};
constexpr step write_published{place::published, access::write};
constexpr step update_published{place::published, access::update};
constexpr step write_own{place::own, access::write};
constexpr step update_own{place::own, access::update};

struct pattern {
  std::string_view name;
  std::string_view what;
  std::vector<step> acquire;
  std::vector<step> release;
};

const std::array all{
    pattern{"shared_ptr",
            "std::shared_ptr copy + drop (libstdc++ 12)",
            {update_counter},
            {read_counter, update_counter}},
    pattern{"weak_ptr",
            "std::weak_ptr lock + drop (libstdc++ 12)",
            {read_counter, update_counter},
            {read_counter, update_counter}},
    pattern{"atomic_shared_ptr",
            "std::atomic<shared_ptr> load + drop (libstdc++ 12)",
            {read_published, update_published, update_counter, update_published},
            {read_counter, update_counter}},
    pattern{
        "intrusive_ptr", "boost::intrusive_ptr copy + drop", {update_counter}, {update_counter}},
    pattern{"local_shared_ptr", "boost::local_shared_ptr copy + drop", {write_own}, {write_own}},
    pattern{"boost_atomic_shared_ptr",
            "boost::atomic_shared_ptr load + drop",
            {update_published, update_counter, write_published},
            {update_counter}},
    pattern{"urcu_read",
            "liburcu read_lock + read_unlock",
            {read_published, write_own, read_published},
            {write_own}},
    pattern{
        "urcu_ref", "liburcu urcu_ref_get + put", {read_counter, update_counter}, {update_counter}},
    pattern{"hazard_pointer",
            "a hazard pointer, set + clear (libcds, Concurrency Kit, xenium)",
            {read_published, update_own, read_published},
            {write_own}},
    pattern{"ck_epoch",
            "Concurrency Kit ck_epoch begin + end",
            {update_own, read_published, write_own},
            {write_own}},
    pattern{"xenium_counts",
            "xenium lock_free_ref_count guard",
            {read_published, update_counter, read_published},
            {read_counter, update_counter}},
    pattern{"dual_count",
            "two counts in one word: ref + unref",
            {update_counter},
            {update_counter, update_counter}},
    pattern{"refcount", "refcount_t inc + dec_and_test", {update_counter}, {update_counter}},
};

class followed : public subject {
 public:
  followed(const pattern& p, unsigned cpus) : pattern_(p), own_(cpus) {}
  void acquire(unsigned cpu) override { follow(pattern_.acquire, cpu); }
  void release(unsigned cpu) override { follow(pattern_.release, cpu); }

 private:
  struct alignas(line_bytes) one_line {
    char bytes[line_bytes];
  };
  void follow(std::span<const step> steps, unsigned cpu) const {
    for (const step& s : steps) {
      switch (s.where) {
        case place::counter: cpus::touch(&counter_, s.kind); break;
        case place::published: cpus::touch(&published_, s.kind); break;
        case place::own: cpus::touch(&own_[cpu], s.kind); break;
      }
    }
  }
  const pattern& pattern_;
  one_line counter_{};
  one_line published_{};
  std::vector<one_line> own_;
};

}  // namespace

void add_patterns(std::vector<row>& to) {
  for (const pattern& p : all) {
    to.push_back({p.name, p.what, false,
                  [&p](unsigned cpus) { return std::make_unique<followed>(p, cpus); }});
  }
}

}  // namespace bench::cache_lines
