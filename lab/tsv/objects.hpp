// SPDX-License-Identifier: Apache-2.0
// The columns obj and aux: which objects an event names, in the form its kind has.
#ifndef TREFOIL_LAB_TSV_OBJECTS_HPP
#define TREFOIL_LAB_TSV_OBJECTS_HPP

#include "lab/recording/event.hpp"

#include <string_view>

namespace trefoil::lab {

enum class objects_fault { none, obj, aux };

// `e.kind` is set; sets the ids. Says which column does not fit the kind.
objects_fault parse_objects(std::string_view obj, std::string_view aux, event& e);

// What the column should look like, for messages: "an mm (m1)".
std::string_view expected_obj(event_kind kind);
std::string_view expected_aux(event_kind kind);

}  // namespace trefoil::lab

#endif
