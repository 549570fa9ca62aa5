// SPDX-License-Identifier: Apache-2.0
// Numbers as the TSV format writes them: digits, at most one minus, nothing around them.
#ifndef TREFOIL_LAB_TSV_NUMBERS_HPP
#define TREFOIL_LAB_TSV_NUMBERS_HPP

#include <cstdint>
#include <limits>
#include <string_view>

namespace trefoil::lab {

// Up to 18 digits: what fits std::int64_t whatever the digits are.
constexpr bool parse_digits(std::string_view text, std::int64_t& to) {
  if (text.empty() || text.size() > 18) return false;
  std::int64_t value = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  to = value;
  return true;
}

// A number that is not negative, or the -1 of "not read".
constexpr bool parse_number_or_none(std::string_view text, std::int32_t& to) {
  if (text == "-1") {
    to = -1;
    return true;
  }
  std::int64_t value = 0;
  if (!parse_digits(text, value) || value > std::numeric_limits<std::int32_t>::max()) return false;
  to = static_cast<std::int32_t>(value);
  return true;
}

// Microseconds with up to three decimals, as nanoseconds.
constexpr bool parse_microseconds(std::string_view text, std::int64_t& to_ns) {
  const std::size_t point = text.find('.');
  std::int64_t whole = 0;
  // 15 digits are 31 years; times a thousand they still fit.
  if (!parse_digits(text.substr(0, point), whole) || whole > 999'999'999'999'999) return false;
  std::int64_t fraction = 0;
  if (point != std::string_view::npos) {
    const std::string_view decimals = text.substr(point + 1);
    if (decimals.size() > 3 || !parse_digits(decimals, fraction)) return false;
    for (std::size_t i = decimals.size(); i < 3; ++i) fraction *= 10;
  }
  to_ns = whole * 1000 + fraction;
  return true;
}

}  // namespace trefoil::lab

#endif
