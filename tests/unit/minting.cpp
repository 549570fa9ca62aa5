// SPDX-License-Identifier: Apache-2.0
// ref_from_tier: code inside a tier takes references without having one; in constructors, in
// teardowns, for tiers further in.
#include "staged_test.hpp"

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using trefoil::make;
using trefoil::ref;
using trefoil::ref_from_tier;

template <class Counts>
struct inner;
template <class Counts>
struct middle;
template <class Counts>
struct outer;
template <class Counts>
using object =
    trefoil::basic_staged<test_traits<Counts>, outer<Counts>, middle<Counts>, inner<Counts>>;

/// What the tiers do while they are built and torn down: each test says.
template <class Counts>
struct behaviour {
  static inline std::function<void(outer<Counts>&)> in_outer_constructor;
  static inline std::function<void(outer<Counts>&)> in_outer_teardown;
  static inline std::function<void(middle<Counts>&)> in_middle_constructor;
  static inline std::function<void(middle<Counts>&)> in_middle_teardown;
  static inline std::function<void(inner<Counts>&)> in_inner_teardown;

  static void reset() {
    in_outer_constructor = nullptr;
    in_outer_teardown = nullptr;
    in_middle_constructor = nullptr;
    in_middle_teardown = nullptr;
    in_inner_teardown = nullptr;
  }
};

template <class Tier>
void follow(const std::function<void(Tier&)>& what, Tier& here) {
  if (what) what(here);
}

template <class Counts>
struct inner {
  static constexpr auto teardown = trefoil::context::any;
  ~inner() {
    follow(behaviour<Counts>::in_inner_teardown, *this);
    journal::write("-inner");
  }
  int number = 7;
};
template <class Counts>
struct middle {
  static constexpr auto teardown = trefoil::context::any;
  explicit middle(inner<Counts>& i) : in(&i) {
    follow(behaviour<Counts>::in_middle_constructor, *this);
  }
  ~middle() {
    follow(behaviour<Counts>::in_middle_teardown, *this);
    journal::write("-middle");
  }
  inner<Counts>* in;
};
template <class Counts>
struct outer {
  static constexpr auto teardown = trefoil::context::any;
  explicit outer(middle<Counts>& m) : in(&m) {
    follow(behaviour<Counts>::in_outer_constructor, *this);
  }
  ~outer() {
    follow(behaviour<Counts>::in_outer_teardown, *this);
    journal::write("-outer");
  }
  middle<Counts>* in;
};

const journal::entries all_gone{"-outer", "-middle", "-inner"};

template <class Counts>
struct minting : staged_test {
  minting() { behaviour<Counts>::reset(); }
  ~minting() override { behaviour<Counts>::reset(); }

  ref<object<Counts>, outer<Counts>> whole;
  ref<object<Counts>, middle<Counts>> kept_middle;
  ref<object<Counts>, inner<Counts>> kept_inner;

  /// An owner who is alone, and one who shares the innermost tier: two ways through the counts.
  void for_each_way_down(const std::function<void()>& check) {
    whole = make<object<Counts>>();
    check();
    journal::clear();

    whole = make<object<Counts>>();
    const auto other = whole.template share<inner<Counts>>();
    check();
  }
};
TYPED_TEST_SUITE(minting, kinds_of_counts);

TYPED_TEST(minting, by_a_holder_counts_as_any_reference) {
  this->whole = make<object<TypeParam>>();
  auto more = ref_from_tier<object<TypeParam>>(*this->whole);
  EXPECT_TRUE(more == this->whole);
  EXPECT_EQ(this->whole.use_count(), 2U);
  auto within = ref_from_tier<object<TypeParam>>(*this->whole->in);
  EXPECT_EQ(within.use_count(), 2U);
  this->whole.drop();
  EXPECT_EQ(journal::take(), journal::entries{});
  more.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-outer"});
  within.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"-middle", "-inner"}));
}

TYPED_TEST(minting, in_a_teardown_keeps_the_inner_tier_beyond_it) {
  behaviour<TypeParam>::in_outer_teardown = [this](outer<TypeParam>& self) {
    this->kept_inner = ref_from_tier<object<TypeParam>>(*self.in->in);
  };
  this->for_each_way_down([this] {
    this->whole.drop();
    EXPECT_EQ(journal::take(), (journal::entries{"-outer", "-middle"}));
    ASSERT_TRUE(this->kept_inner);
    EXPECT_EQ(this->kept_inner->number, 7);
    EXPECT_FALSE(this->kept_inner.template promote<middle<TypeParam>>());
    this->kept_inner.drop();
  });
  EXPECT_EQ(journal::take(), journal::entries{"-inner"});
}

TYPED_TEST(minting, in_a_teardown_keeps_the_next_tier_beyond_it) {
  behaviour<TypeParam>::in_outer_teardown = [this](outer<TypeParam>& self) {
    this->kept_middle = ref_from_tier<object<TypeParam>>(*self.in);
  };
  this->for_each_way_down([this] {
    this->whole.drop();
    EXPECT_EQ(journal::take(), journal::entries{"-outer"});
    ASSERT_TRUE(this->kept_middle);
    EXPECT_EQ(this->kept_middle.use_count(), 1U);
    EXPECT_FALSE(this->kept_middle.template promote<outer<TypeParam>>());
    this->kept_middle.drop();
    EXPECT_EQ(journal::take()[0], "-middle");
  });
}

TYPED_TEST(minting, in_every_teardown_keeps_what_is_inside_each) {
  behaviour<TypeParam>::in_outer_teardown = [this](outer<TypeParam>& self) {
    this->kept_middle = ref_from_tier<object<TypeParam>>(*self.in);
  };
  behaviour<TypeParam>::in_middle_teardown = [this](middle<TypeParam>& self) {
    this->kept_inner = ref_from_tier<object<TypeParam>>(*self.in);
  };
  this->for_each_way_down([this] {
    this->whole.drop();
    EXPECT_EQ(journal::take(), journal::entries{"-outer"});
    this->kept_middle.drop();
    EXPECT_EQ(journal::take(), journal::entries{"-middle"});
    ASSERT_TRUE(this->kept_inner);
    this->kept_inner.drop();
  });
  EXPECT_EQ(journal::take(), journal::entries{"-inner"});
}

TYPED_TEST(minting, in_a_teardown_and_dropped_in_it_changes_nothing) {
  behaviour<TypeParam>::in_outer_teardown = [](outer<TypeParam>& self) {
    auto lazy = ref_from_tier<object<TypeParam>>(*self.in);
    auto bare = lazy.template share<inner<TypeParam>>();
    EXPECT_TRUE(lazy && bare);
  };
  this->for_each_way_down([this] {
    this->whole.drop();
    const auto gone = journal::take();
    ASSERT_GE(gone.size(), 2U);
    EXPECT_EQ(gone[0], "-outer");
    EXPECT_EQ(gone[1], "-middle");
  });
  EXPECT_EQ(journal::take(), journal::entries{"-inner"});  // the second time somebody shared it
}

TYPED_TEST(minting, of_the_tier_in_teardown_is_refused) {
  bool outer_refused = false;
  bool middle_refused = false;
  bool inner_refused = false;
  behaviour<TypeParam>::in_outer_teardown = [&](outer<TypeParam>& self) {
    outer_refused = !ref_from_tier<object<TypeParam>>(self);
  };
  behaviour<TypeParam>::in_middle_teardown = [&](middle<TypeParam>& self) {
    middle_refused = !ref_from_tier<object<TypeParam>>(self);
  };
  behaviour<TypeParam>::in_inner_teardown = [&](inner<TypeParam>& self) {
    inner_refused = !ref_from_tier<object<TypeParam>>(self);
  };
  this->for_each_way_down([&] {
    outer_refused = middle_refused = inner_refused = false;
    this->whole.drop();
    EXPECT_TRUE(outer_refused);
    EXPECT_TRUE(middle_refused);
  });
  EXPECT_TRUE(inner_refused);  // the second time the other holder tore it down
}

TYPED_TEST(minting, does_not_lead_back_to_the_tier_in_teardown) {
  bool from_middle = true;
  bool from_inner = true;
  behaviour<TypeParam>::in_outer_teardown = [&](outer<TypeParam>& self) {
    auto lazy = ref_from_tier<object<TypeParam>>(*self.in);
    from_middle = bool(lazy.template promote<outer<TypeParam>>());
    auto bare = ref_from_tier<object<TypeParam>>(*self.in->in);
    from_inner = bool(bare.template promote<outer<TypeParam>>());
    EXPECT_TRUE(bare.template promote<middle<TypeParam>>());  // which is alive
  };
  this->for_each_way_down([&] {
    from_middle = from_inner = true;
    this->whole.drop();
    EXPECT_FALSE(from_middle);
    EXPECT_FALSE(from_inner);
  });
}

// ---- construction ---------------------------------------------------------------------------------

TYPED_TEST(minting, in_a_constructor_gives_references_to_the_tiers_inside) {
  behaviour<TypeParam>::in_outer_constructor = [this](outer<TypeParam>& self) {
    this->kept_inner = ref_from_tier<object<TypeParam>>(*self.in->in);
    ASSERT_TRUE(this->kept_inner);
    EXPECT_FALSE(this->kept_inner.template promote<outer<TypeParam>>()) << "not constructed yet";
  };
  this->whole = make<object<TypeParam>>();
  EXPECT_EQ(this->whole.use_count(), 1U);
  EXPECT_EQ(this->whole.template use_count<middle<TypeParam>>(), 1U);
  EXPECT_EQ(this->whole.template use_count<inner<TypeParam>>(), 2U);
  EXPECT_TRUE(this->kept_inner.template promote<outer<TypeParam>>());
  EXPECT_TRUE(this->kept_inner.template promote<middle<TypeParam>>());

  this->whole.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"-outer", "-middle"}));
  this->kept_inner.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-inner"});
}

TYPED_TEST(minting, in_two_constructors_counts_both) {
  behaviour<TypeParam>::in_middle_constructor = [this](middle<TypeParam>& self) {
    this->kept_inner = ref_from_tier<object<TypeParam>>(*self.in);
    EXPECT_FALSE(this->kept_inner.template promote<middle<TypeParam>>()) << "not constructed yet";
  };
  behaviour<TypeParam>::in_outer_constructor = [this](outer<TypeParam>& self) {
    this->kept_middle = ref_from_tier<object<TypeParam>>(*self.in);
    EXPECT_TRUE(this->kept_middle);
    EXPECT_FALSE(this->kept_middle.template promote<outer<TypeParam>>());
  };
  this->whole = make<object<TypeParam>>();
  EXPECT_EQ(this->whole.use_count(), 1U);
  EXPECT_EQ(this->kept_middle.use_count(), 2U);
  EXPECT_EQ(this->kept_inner.use_count(), 2U);
  this->kept_inner.drop();
  this->kept_middle.drop();
  EXPECT_EQ(journal::take(), journal::entries{});
  this->whole.drop();
  EXPECT_EQ(journal::take(), all_gone);
}

TYPED_TEST(minting, in_a_constructor_and_dropped_in_it_tears_nothing_down) {
  behaviour<TypeParam>::in_outer_constructor = [](outer<TypeParam>& self) {
    ref_from_tier<object<TypeParam>>(*self.in->in).drop();
    ref_from_tier<object<TypeParam>>(*self.in).drop();
  };
  this->whole = make<object<TypeParam>>();
  EXPECT_EQ(journal::take(), journal::entries{});
  EXPECT_EQ(this->whole.template use_count<middle<TypeParam>>(), 1U);
  EXPECT_EQ(this->whole.template use_count<inner<TypeParam>>(), 1U);
  this->whole.drop();
  EXPECT_EQ(journal::take(), all_gone);
}

TYPED_TEST(minting, in_a_constructor_that_throws_keeps_what_was_built) {
  behaviour<TypeParam>::in_outer_constructor = [this](outer<TypeParam>& self) {
    this->kept_middle = ref_from_tier<object<TypeParam>>(*self.in);
    throw std::runtime_error("after the reference was given away");
  };
  EXPECT_FALSE(trefoil::try_make<object<TypeParam>>());
  EXPECT_EQ(journal::take(), journal::entries{});
  ASSERT_TRUE(this->kept_middle);
  EXPECT_FALSE(this->kept_middle.template promote<outer<TypeParam>>()) << "never constructed";
  EXPECT_EQ(this->kept_middle->in->number, 7);
  this->kept_middle.drop();
  EXPECT_EQ(journal::take(), (journal::entries{"-middle", "-inner"}));
}

TYPED_TEST(minting, in_a_constructor_that_throws_keeps_the_innermost_alone) {
  behaviour<TypeParam>::in_outer_constructor = [this](outer<TypeParam>& self) {
    this->kept_inner = ref_from_tier<object<TypeParam>>(*self.in->in);
    throw std::runtime_error("after the reference was given away");
  };
  EXPECT_FALSE(trefoil::try_make<object<TypeParam>>());
  EXPECT_EQ(journal::take(), journal::entries{"-middle"});
  ASSERT_TRUE(this->kept_inner);
  EXPECT_FALSE(this->kept_inner.template promote<middle<TypeParam>>());
  this->kept_inner.drop();
  EXPECT_EQ(journal::take(), journal::entries{"-inner"});
}

}  // namespace
