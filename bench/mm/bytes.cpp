// SPDX-License-Identifier: Apache-2.0
#include "bytes.hpp"

#include <cstddef>
#include <cstdio>
#include <utility>

#include "machine.hpp"
#include "size.hpp"

namespace bench {

namespace {

using lazy_ref = trefoil::ref<address_space, page_directory>;
using bare_ref = trefoil::ref<address_space, identity>;

/// In use now, both counted by whoever hands them out.
struct in_use {
  std::ptrdiff_t frames;  // bytes
  std::ptrdiff_t blocks;  // bytes, as the pool rounds them

  static in_use now() {
    return {static_cast<std::ptrdiff_t>(machine::here().frames_in_use() * page_size),
            counted_pool::bytes()};
  }
  friend in_use operator-(const in_use& a, const in_use& b) {
    return {a.frames - b.frames, a.blocks - b.blocks};
  }
  [[nodiscard]] std::ptrdiff_t all() const { return frames + blocks; }
};

/// What an address space takes that has nothing mapped: its three tiers.
in_use tiers_alone() {
  const in_use before = in_use::now();
  const user_ref empty = machine::here().empty_process();
  return in_use::now() - before;
}

}  // namespace

int report_bytes() {
  const in_use tiers = tiers_alone();
  const in_use before = in_use::now();
  user_ref user = machine::here().process();
  const in_use without_arena = in_use::now();
  machine::map_arena(user, sizes.touched);
  machine::touch(user, sizes.touched);
  const std::size_t vmas = user->map_count();
  const std::size_t present = machine::here().pages_present(user);
  const in_use touched = in_use::now();

  lazy_ref lazy = user.share<page_directory>();
  bare_ref bare = user.share<identity>();
  user.drop();
  const in_use without_mappings = in_use::now();
  lazy.drop();
  const in_use without_page_directory = in_use::now();
  bare.drop();
  const in_use without_all = in_use::now();

  const in_use left = without_page_directory - before;
  const std::size_t tables = machine::tables_for(sizes.touched) - 1;
  must((touched - without_arena).frames ==
           static_cast<std::ptrdiff_t>((sizes.touched + tables) * page_size),
       "touched pages and their tables are not what was counted");
  must((without_mappings - before).frames == std::ptrdiff_t{page_size},
       "a dead address space with its page directory has other frames than that one");
  must(left.frames == 0, "an identity alone keeps frames");
  must(left.blocks > 0 && left.blocks <= 256, "an identity alone keeps more than 256 bytes");
  must((without_all - before).all() == 0, "an address space left something");

  const auto pages = static_cast<std::ptrdiff_t>(present * page_size);
  const in_use mappings_freed = touched - without_mappings;
  const in_use directory_freed = without_mappings - without_page_directory;
  const std::ptrdiff_t nodes = (touched - before).blocks - tiers.blocks;
  std::printf("{\"freed_bytes\": {"
              "\"mappings\": {\"pages\": %td, \"page_tables\": %td, \"vmas\": %td, \"tier\": %td}, "
              "\"page_directory\": {\"pgd\": %td, \"tier\": %td}, "
              "\"identity\": {\"tier\": %td}}, "
              "\"vmas\": %zu, \"identity_only_bytes\": %td}\n",
              pages, mappings_freed.frames - pages, nodes, mappings_freed.blocks - nodes,
              directory_freed.frames, directory_freed.blocks,
              (without_page_directory - without_all).all(), vmas, left.all());
  return 0;
}

}  // namespace bench
