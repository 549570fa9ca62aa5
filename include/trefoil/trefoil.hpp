// SPDX-License-Identifier: Apache-2.0
/// @file
/// Trefoil: objects that die in stages. The whole mechanism; this page is its index.
///
/// | concept                                   | header               |
/// | ----------------------------------------- | -------------------- |
/// | level of the code that runs, scopes       | context.hpp          |
/// | a stage of an object's life               | tier.hpp             |
/// | the object, its traits, the cascade       | staged.hpp           |
/// | constructor arguments, make, try_make     | construction.hpp, make.hpp |
/// | references; a reference to a member       | ref.hpp, aliasing_ref.hpp |
/// | a reference that threads share            | slot.hpp             |
/// | a CPU's hold on an object, not counted    | lazy_pin.hpp, lazy_slots.hpp |
/// | a tier counted per CPU, and its end       | kill.hpp, per_cpu_count.hpp, cpu_cells.hpp |
/// | objects found without a reference         | findable.hpp         |
/// | objects that are never freed              | static_object.hpp    |
/// | the counts: theory, one word, many words  | counts.hpp, packed_counts.hpp, wide_counts.hpp, single_count.hpp, default_counts.hpp |
/// | who runs deferred teardowns               | reclaimer.hpp, worker.hpp, polled.hpp, executor.hpp, inline_only.hpp, deferred_list.hpp |
/// | how they wait, and what runs beside them  | deferred.hpp, take_all_list.hpp, reclaim_queue.hpp, errand.hpp |
/// | memory                                    | pool.hpp             |
/// | what can be got wrong                     | misuse.hpp           |
/// | the place where it all runs               | platform.hpp         |
/// | an ordinary process (needs an OS)         | os/threads.hpp, os/per_thread.hpp, os/parking.hpp, os/cpu_lanes.hpp, os/cpu_sections.hpp, os/misuse_report.hpp, os/default_traits.hpp |
///
/// Without an operating system (-ffreestanding) the last row is left out: name a platform of your
/// own in the traits of basic_staged.
#pragma once

#include "trefoil/aliasing_ref.hpp"
#include "trefoil/construction.hpp"
#include "trefoil/context.hpp"
#include "trefoil/default_counts.hpp"
#include "trefoil/deferred_list.hpp"
#include "trefoil/executor.hpp"
#include "trefoil/findable.hpp"
#include "trefoil/inline_only.hpp"
#include "trefoil/kill.hpp"
#include "trefoil/lazy_pin.hpp"
#include "trefoil/make.hpp"
#include "trefoil/misuse.hpp"
#include "trefoil/packed_counts.hpp"
#include "trefoil/platform.hpp"
#include "trefoil/polled.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/reclaimer.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/slot.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/static_object.hpp"
#include "trefoil/tier.hpp"
#include "trefoil/version.hpp"
#include "trefoil/wide_counts.hpp"
#include "trefoil/worker.hpp"

#if __STDC_HOSTED__
#include "trefoil/os/default_traits.hpp"
#endif
