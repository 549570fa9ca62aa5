// SPDX-License-Identifier: Apache-2.0
// Which object a reference keeps: equality, order, hash, address, and the way through C code.
#include "address_space.hpp"

#include <algorithm>
#include <compare>
#include <concepts>
#include <functional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using trefoil::make;
using trefoil::ref;

struct identity_of_a_ref : staged_test {
  ref<mm, mappings> user = make<mm>();
  ref<mm, page_directory> lazy = user.share<page_directory>();
  ref<mm> bare = user.share<identity>();
  ref<mm, mappings> other = make<mm>();
};

TEST_F(identity_of_a_ref, is_the_objects_whatever_the_tier) {
  EXPECT_TRUE(user == lazy);
  EXPECT_TRUE(lazy == bare);
  EXPECT_TRUE(bare == user);
  EXPECT_FALSE(user != bare);
  EXPECT_EQ(user.address(), bare.address());
  EXPECT_EQ(lazy.address(), bare.address());
}

TEST_F(identity_of_a_ref, differs_between_objects) {
  EXPECT_FALSE(user == other);
  EXPECT_TRUE(bare != other);
  EXPECT_NE(user.address(), other.address());
}

TEST_F(identity_of_a_ref, of_empty_references_is_one_and_the_same) {
  const ref<mm, mappings> none;
  const ref<mm> nobody;
  EXPECT_TRUE(none == nobody);
  EXPECT_TRUE(none == nullptr);
  EXPECT_TRUE(user != nullptr);
  EXPECT_FALSE(user == none);
  EXPECT_TRUE(none < user);  // null is below every object
}

TEST_F(identity_of_a_ref, orders_objects_as_their_addresses) {
  EXPECT_EQ(user <=> bare, std::strong_ordering::equal);
  EXPECT_EQ(user < other, std::less<const void*>{}(user.address(), other.address()));
  EXPECT_EQ(bare < other, user < other);
  EXPECT_EQ(other > lazy, user < other);
  EXPECT_NE(user < other, other < user);

  std::vector<ref<mm, mappings>> sorted{user, other, user, other};
  std::sort(sorted.begin(), sorted.end());
  EXPECT_TRUE(sorted[0] == sorted[1]);
  EXPECT_TRUE(sorted[2] == sorted[3]);
  EXPECT_TRUE(sorted[1] < sorted[2]);
}

TEST_F(identity_of_a_ref, hashes_alike_for_all_tiers) {
  const auto of_user = std::hash<ref<mm, mappings>>{}(user);
  EXPECT_EQ(of_user, (std::hash<ref<mm, page_directory>>{}(lazy)));
  EXPECT_EQ(of_user, std::hash<ref<mm>>{}(bare));
  EXPECT_EQ(of_user, (std::hash<ref<const mm, mappings>>{}(user)));
  EXPECT_NE(of_user, (std::hash<ref<mm, mappings>>{}(other)));
}

TEST_F(identity_of_a_ref, works_in_associative_containers) {
  std::unordered_set<ref<mm>> seen;
  EXPECT_TRUE(seen.insert(bare).second);
  EXPECT_FALSE(seen.insert(user.share<identity>()).second);
  EXPECT_TRUE(seen.insert(other.share<identity>()).second);
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen.count(bare), 1U);

  std::unordered_map<ref<mm>, int> users{{bare, 1}};
  EXPECT_EQ(users.at(user.share<identity>()), 1);

  const std::set<ref<mm>> ordered{bare, other.share<identity>(), bare};
  EXPECT_EQ(ordered.size(), 2U);
}

TEST_F(identity_of_a_ref, a_container_keeps_what_it_holds) {
  std::unordered_set<ref<mm>> kept{bare};
  journal::clear();
  user.drop();
  lazy.drop();
  bare.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
  kept.clear();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

// ---- through C code -------------------------------------------------------------------------------

TEST_F(identity_of_a_ref, survives_detach_and_adopt) {
  const auto* const at = user.address();
  void* const cookie = std::move(user).detach();
  EXPECT_FALSE(user);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(cookie, at);
  EXPECT_EQ(bare.use_count<mappings>(), 1U);  // detached is not dropped

  auto back = ref<mm, mappings>::adopt(cookie);
  EXPECT_EQ(back.address(), at);
  EXPECT_EQ(back.use_count(), 1U);  // adopted is not taken again
  lazy.drop();
  journal::clear();
  back.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
}

TEST_F(identity_of_a_ref, of_a_detached_reference_to_an_inner_tier) {
  void* const cookie = std::move(bare).detach();
  journal::clear();
  user.drop();
  lazy.drop();
  EXPECT_EQ(journal::take(), torn_down(0, 2));
  auto back = ref<mm>::adopt(cookie);
  EXPECT_EQ(back->user, 0);
  back.drop();
  EXPECT_EQ(journal::take(), torn_down(2, 3));
}

}  // namespace
