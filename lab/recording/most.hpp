// SPDX-License-Identifier: Apache-2.0
// How much of each thing a recording may hold, events aside: so that a file that was made to harm costs
// little memory, and what is written can be read. docs/recording.md tells them.
#ifndef TREFOIL_LAB_RECORDING_MOST_HPP
#define TREFOIL_LAB_RECORDING_MOST_HPP

#include <cstddef>
#include <cstdint>

namespace trefoil::lab::most {

inline constexpr std::int64_t comms = std::int64_t{1} << 18;
// A process may take any name, as often as it likes. Of more than these the recorder keeps none apart: so
// there is room for the places that names are part of, and what was recorded can be read.
inline constexpr std::size_t recorded_comms = std::size_t{1} << 14;
inline constexpr const char* further_comms = "(further names)";
inline constexpr std::int64_t routes = std::int64_t{1} << 16;
inline constexpr std::int64_t places = std::int64_t{1} << 20;
inline constexpr std::int64_t segments = std::int64_t{1} << 20;
inline constexpr std::int64_t cpu = 65535;  // a number
inline constexpr std::size_t cpus = 8192;   // different ones: as Linux has at most
inline constexpr std::int64_t lines = std::int64_t{1} << 12;  // of what a recorder tells besides

inline constexpr std::size_t comm_bytes = 64;  // Linux has 16, and 64 for a kworker in /proc
inline constexpr std::size_t route_bytes = 1024;
inline constexpr std::size_t text_bytes = 4096;  // of any other text

inline constexpr std::int64_t time_ns = 1'000'000'000'000'000'000;  // 31 years
// Of a figure that is added up, once for each CPU.
inline constexpr std::int64_t figure = 100'000'000'000'000;

}  // namespace trefoil::lab::most

#endif
