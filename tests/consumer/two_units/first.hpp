// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../common/tiers.hpp"

#include <atomic>

trefoil::ref<mm, mappings> make_in_first(int id, std::atomic<int>* torn);
trefoil::context::level level_in_first();
