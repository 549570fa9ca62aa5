// SPDX-License-Identifier: Apache-2.0
#include "lab/tsv/objects.hpp"

#include "lab/tsv/numbers.hpp"

namespace trefoil::lab {

namespace {

template <class Id>
constexpr char letter = 0;
template <>
constexpr char letter<mm_id> = 'm';
template <>
constexpr char letter<task_id> = 't';
template <>
constexpr char letter<files_id> = 'f';
template <>
constexpr char letter<sighand_id> = 's';

template <class Id>
bool one(std::string_view text, Id& to) {
  std::int64_t number = 0;
  if (text.empty() || text[0] != letter<Id> || !parse_digits(text.substr(1), number) ||
      number >= Id::none) {
    return false;
  }
  to = Id{static_cast<typename Id::number>(number)};
  return true;
}

template <class Id>
bool one_or_none(std::string_view text, Id& to) {
  return text == "-" || one(text, to);
}

// Cuts what stands before the next comma off `text`.
std::string_view cut(std::string_view& text) {
  const std::size_t comma = text.find(',');
  const std::string_view part = text.substr(0, comma);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return part;
}

// "t1,f1,s1"
bool exit_triple(std::string_view text, event& e) {
  if (!one(cut(text), e.task) || !one_or_none(cut(text), e.files)) return false;
  return one_or_none(text, e.sighand);
}

// "prev_mm=m1,next_mm=-,next=t1"
bool switch_triple(std::string_view text, event& e) {
  const auto value = [](std::string_view part, std::string_view key) {
    return part.starts_with(key) ? part.substr(key.size()) : std::string_view{};
  };
  return one_or_none(value(cut(text), "prev_mm="), e.prev_mm) &&
         one_or_none(value(cut(text), "next_mm="), e.next_mm) && one(value(text, "next="), e.task);
}

constexpr objects_fault both(bool obj, bool aux) {
  return !obj ? objects_fault::obj : !aux ? objects_fault::aux : objects_fault::none;
}

}  // namespace

objects_fault parse_objects(std::string_view obj, std::string_view aux, event& e) {
  switch (e.kind) {
    case event_kind::mm_alloc:
    case event_kind::exit_mmap:
    case event_kind::mm_free: return both(one(obj, e.mm), aux == "-");
    case event_kind::task_alloc:
    case event_kind::rcu_put:
    case event_kind::task_free:
    case event_kind::oom: return both(one(obj, e.task), aux == "-");
    case event_kind::files_free: return both(one(obj, e.files), aux == "-");
    case event_kind::sighand_free: return both(one(obj, e.sighand), aux == "-");
    case event_kind::fork: return both(one_or_none(obj, e.mm), one(aux, e.task));
    case event_kind::prep_exec: return both(one(obj, e.mm), one_or_none(aux, e.old_mm));
    case event_kind::exec:
    case event_kind::exit_mm:
    case event_kind::dead_borrow:
    case event_kind::dead_drop: return both(one(obj, e.mm), one(aux, e.task));
    case event_kind::task_exit: return both(one_or_none(obj, e.mm), exit_triple(aux, e));
    case event_kind::context_switch: return both(one_or_none(obj, e.mm), switch_triple(aux, e));
  }
  return objects_fault::none;
}

std::string_view expected_obj(event_kind kind) {
  const event_shape shape = shape_of(kind);
  if (shape.optional & names_of::mm) return "an mm (m1) or -";
  if (shape.required & names_of::mm) return "an mm (m1)";
  if (shape.required & names_of::files) return "a files_struct (f1)";
  if (shape.required & names_of::sighand) return "a sighand (s1)";
  return "a task (t1)";
}

std::string_view expected_aux(event_kind kind) {
  switch (kind) {
    case event_kind::fork:
    case event_kind::exec:
    case event_kind::exit_mm:
    case event_kind::dead_borrow:
    case event_kind::dead_drop: return "a task (t1)";
    case event_kind::prep_exec: return "an mm (m1) or -";
    case event_kind::task_exit: return "task,files,sighand (t1,f1,s1)";
    case event_kind::context_switch: return "prev_mm=m1,next_mm=m1,next=t1";
    default: return "-";
  }
}

}  // namespace trefoil::lab
