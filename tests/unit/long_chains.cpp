// SPDX-License-Identifier: Apache-2.0
// A million objects that hold each other go with one drop, on a stack of 256 KiB: a teardown inside
// a teardown does not recurse, whatever the shape of the graph and whatever the destructors do.
#include "staged_test.hpp"

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace {

using trefoil::make;
using trefoil::ref;
namespace context = trefoil::context;

constexpr std::size_t million = 1'000'000;
constexpr std::size_t small_stack = 256 * 1024;

/// Runs a function on a thread with a small stack; an overflow there ends the program.
void on_a_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, small_stack), 0);
  pthread_t thread;
  const auto entry = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, entry, &work), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

/// How many links have been torn down; one thread at a time works here.
std::size_t torn = 0;

enum class style {
  plain,          // the member's destructor drops the next link
  explicit_drop,  // the destructor does, in so many words
  in_scope,       // the destructor drops it in a scope of level any
  with_token,     // ... with a token of that level
  demoted,        // ... or demotes it to its inner tier, and drops that
};

template <class Counts>
using traits = test_traits<Counts, trefoil::pooled>;

template <class Counts, style Style>
struct link;
template <class Counts, style Style>
struct label;
template <class Counts, style Style>
using chain = trefoil::basic_staged<traits<Counts>, link<Counts, Style>, label<Counts, Style>>;

template <class Counts, style Style>
struct label {
  static constexpr auto teardown = context::any;
  std::size_t number = 0;
};

template <class Counts, style Style>
struct link {
  static constexpr auto teardown = context::any;

  explicit link(ref<chain<Counts, Style>, link> n) : next(std::move(n)) {}
  link(const link&) = delete;
  link& operator=(const link&) = delete;
  ~link() {
    ++torn;
    if constexpr (Style == style::explicit_drop) {
      next.drop();
    } else if constexpr (Style == style::in_scope) {
      const context::scope here{context::any};
      next.drop();
    } else if constexpr (Style == style::with_token) {
      next.drop(context::in_any);
    } else if constexpr (Style == style::demoted) {
      auto rest = std::move(next).template demote<label<Counts, Style>>();
      rest.drop();
    }
  }

  ref<chain<Counts, Style>, link> next;
};

template <class Counts, style Style>
void drop_a_chain_of_a_million() {
  using object = chain<Counts, Style>;
  ref<object, link<Counts, Style>> head;
  for (std::size_t i = 0; i < million; ++i) {
    head = make<object>(trefoil::with<link<Counts, Style>>(std::move(head)));
  }
  torn = 0;
  head.drop();
  EXPECT_EQ(torn, million);
}

using packed = trefoil::packed_counts<>;
using wide = trefoil::wide_counts;

struct branch;
using tree = trefoil::basic_staged<traits<packed>, branch>;

struct long_chains : staged_test {
  /// A million free blocks are of no use to the next test.
  ~long_chains() override;
};

TEST_F(long_chains, with_a_plain_member) {
  on_a_small_stack(drop_a_chain_of_a_million<packed, style::plain>);
}

TEST_F(long_chains, with_a_plain_member_and_separate_counts) {
  on_a_small_stack(drop_a_chain_of_a_million<wide, style::plain>);
}

TEST_F(long_chains, with_a_drop_in_the_destructor) {
  on_a_small_stack(drop_a_chain_of_a_million<packed, style::explicit_drop>);
}

TEST_F(long_chains, with_a_scope_around_the_drop) {
  on_a_small_stack(drop_a_chain_of_a_million<packed, style::in_scope>);
}

TEST_F(long_chains, with_a_scope_around_the_drop_and_separate_counts) {
  on_a_small_stack(drop_a_chain_of_a_million<wide, style::in_scope>);
}

TEST_F(long_chains, with_a_token) {
  on_a_small_stack(drop_a_chain_of_a_million<packed, style::with_token>);
}

TEST_F(long_chains, with_a_demote) {
  on_a_small_stack(drop_a_chain_of_a_million<packed, style::demoted>);
}

TEST_F(long_chains, whose_head_is_dropped_in_a_scope) {
  on_a_small_stack([] {
    using object = chain<packed, style::in_scope>;
    ref<object, link<packed, style::in_scope>> head;
    for (std::size_t i = 0; i < million; ++i) {
      head = make<object>(trefoil::with<link<packed, style::in_scope>>(std::move(head)));
    }
    torn = 0;
    {
      const context::scope here{context::any};
      head.drop();
    }
    EXPECT_EQ(torn, million);
  });
}

// ---- a tree ---------------------------------------------------------------------------------------

struct branch {
  static constexpr auto teardown = context::any;
  branch(ref<tree> l, ref<tree> r) : left(std::move(l)), right(std::move(r)) {}
  branch(const branch&) = delete;
  branch& operator=(const branch&) = delete;
  ~branch() { ++torn; }
  ref<tree> left;
  ref<tree> right;
};

long_chains::~long_chains() {
  trefoil::trim<chain<packed, style::plain>>();
  trefoil::trim<chain<wide, style::plain>>();
  trefoil::trim<tree>();
}

TEST_F(long_chains, that_fork_into_a_binary_tree) {
  on_a_small_stack([] {
    constexpr std::size_t leaves = std::size_t{1} << 19;
    std::vector<ref<tree>> row(leaves);
    for (auto& leaf : row) leaf = make<tree>(nullptr, nullptr);
    while (row.size() > 1) {
      std::vector<ref<tree>> above(row.size() / 2);
      for (std::size_t i = 0; i < above.size(); ++i) {
        above[i] = make<tree>(std::move(row[2 * i]), std::move(row[2 * i + 1]));
      }
      row = std::move(above);
    }
    torn = 0;
    row.front().drop();
    EXPECT_EQ(torn, 2 * leaves - 1);
  });
}

TEST_F(long_chains, of_which_each_link_heads_another) {
  on_a_small_stack([] {
    // A comb: a spine of a thousand, each with a thousand teeth.
    ref<tree> spine;
    for (int i = 0; i < 1000; ++i) {
      ref<tree> teeth;
      for (int j = 0; j < 999; ++j) teeth = make<tree>(std::move(teeth), nullptr);
      spine = make<tree>(std::move(spine), std::move(teeth));
    }
    torn = 0;
    spine.drop();
    EXPECT_EQ(torn, million);
  });
}

}  // namespace
