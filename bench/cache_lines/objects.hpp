// SPDX-License-Identifier: Apache-2.0
/// @file
/// Staged objects on simulated CPUs.
#pragma once

#include "lines.hpp"
#include "platform.hpp"
#include "trefoil/context.hpp"
#include "trefoil/default_counts.hpp"
#include "trefoil/make.hpp"
#include "trefoil/polled.hpp"
#include "trefoil/pool.hpp"
#include "trefoil/ref.hpp"
#include "trefoil/staged.hpp"
#include "trefoil/wide_counts.hpp"

namespace bench::cache_lines {

namespace context = trefoil::context;

struct outer {
  static constexpr auto teardown = context::process;
  long value = 1;
};
struct middle {
  static constexpr auto teardown = context::atomic;
  long value = 1;
};
struct inner {
  static constexpr auto teardown = context::any;
  long value = 1;
};
/// Its object begins on a line of its own.
struct alignas(line_bytes) apart : inner {};

struct by_cpu_0;
using reclaimer = trefoil::basic_polled<platform, by_cpu_0>;

template <class Counts>
struct traits {
  using platform = cache_lines::platform;
  using counts = Counts;
  using reclaimer = cache_lines::reclaimer;
  using storage = trefoil::pooled;
};
template <class Counts>
using staged = trefoil::basic_staged<traits<Counts>, outer, middle, apart>;

using packed = staged<trefoil::default_counts>;
using wide = staged<trefoil::wide_counts>;
using padded = staged<trefoil::padded_counts>;

/// Counted per CPU, by atomics.
struct counted_per_cpu : outer {
  static constexpr bool per_cpu_count = true;
};
using per_cpu_object =
    trefoil::basic_staged<traits<trefoil::default_counts>, counted_per_cpu, apart>;
/// Three longs: several to a line, as the pool hands them out.
using small = trefoil::basic_staged<traits<trefoil::default_counts>, outer, middle, inner>;

}  // namespace bench::cache_lines
