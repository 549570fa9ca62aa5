// SPDX-License-Identifier: Apache-2.0
/// @file
/// The library's choices for an ordinary process, and its short names.
#pragma once

#include "trefoil/attributes.hpp"
#include "trefoil/default_counts.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/executor.hpp"
#include "trefoil/os/threads.hpp"
#include "trefoil/polled.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/worker.hpp"

namespace trefoil {

/// The default reclaimer: a thread of its own. One per process.
using worker = basic_worker<threads>;
/// A reclaimer that runs when somebody polls; one per Tag.
template <class Tag>
using polled = basic_polled<threads, Tag>;
/// A reclaimer that posts to the user's executor.
template <class Post>
using executor = basic_executor<threads, Post>;
/// A teardown for the user's executor.
template <class Post>
using posted_work = deferred_work<threads, Post>;
/// A list for ref::drop_into.
using deferred_list = basic_deferred_list<threads>;

/// What an object chooses unless told otherwise. Derive from it to choose differently:
///
///     struct audio_traits : trefoil::default_traits { using reclaimer = trefoil::polled<audio>; };
///     using graph = trefoil::basic_staged<audio_traits, nodes, description>;
struct TREFOIL_ONE_PER_PROCESS default_traits {
  using platform = threads;
  using counts = default_counts;
  using reclaimer = worker;
  using storage = pooled;
};

/// An object of these tiers, outermost first, with the default choices.
template <class... Tiers>
using staged = basic_staged<default_traits, Tiers...>;

}  // namespace trefoil
