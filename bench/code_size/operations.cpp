// SPDX-License-Identifier: Apache-2.0
/// @file
/// One function per operation, to be counted: what a caller's code grows by where it stands. What is
/// called from there is once in the program, and not counted.
#include <memory>
#include <utility>

#include <trefoil/trefoil.hpp>

namespace {

namespace context = trefoil::context;

/// Tiers with something to do at the end, defined elsewhere.
struct identity {
  static constexpr auto teardown = context::any;
  ~identity();
};
struct page_directory {
  static constexpr auto teardown = context::atomic;
  ~page_directory();
};
struct mappings {
  static constexpr auto teardown = context::process;
  ~mappings();
};
using address_space = trefoil::staged<mappings, page_directory, identity>;
using user = trefoil::ref<address_space, mappings>;
using bare = trefoil::ref<address_space, identity>;

/// Tiers that own nothing but their memory.
template <context::level Level>
struct plain {
  static constexpr auto teardown = Level;
  long value = 1;
};
using plain_outer = plain<context::process>;
using plain_object = trefoil::staged<plain_outer, plain<context::atomic>, plain<context::any>>;

}  // namespace

extern "C" {

void ref_drop(user& r) { r.drop(); }
void ref_drop_weakest(bare& r) { r.drop(); }
void ref_drop_plain(trefoil::ref<plain_object, plain_outer>& r) { r.drop(); }
void ref_drop_in_process(user& r) { r.drop(context::in_process); }
void ref_copy(const user& from, user* to) { std::construct_at(to, from); }
void ref_share(const user& from, bare* to) { std::construct_at(to, from.share<identity>()); }
void ref_promote(const bare& from, user* to) { std::construct_at(to, from.promote<mappings>()); }
void ref_demote(user& from, bare* to) { std::construct_at(to, std::move(from).demote<identity>()); }

void shared_ptr_drop(std::shared_ptr<long>& p) { p.reset(); }
void shared_ptr_copy(const std::shared_ptr<long>& from, std::shared_ptr<long>* to) {
  std::construct_at(to, from);
}
void weak_ptr_lock(const std::weak_ptr<long>& from, std::shared_ptr<long>* to) {
  std::construct_at(to, from.lock());
}
}
