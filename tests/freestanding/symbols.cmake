# SPDX-License-Identifier: Apache-2.0
# Compiles SOURCE freestanding and fails if its object needs more than a compiler may call anyway.
cmake_minimum_required(VERSION 3.21)
execute_process(
    COMMAND "${COMPILER}" -std=c++20 -ffreestanding -fno-exceptions -fno-rtti
            -fno-threadsafe-statics -fno-pic "-O${LEVEL}" "-I${INCLUDE_DIR}" -c "${SOURCE}" -o
            "${OBJECT}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND "${NM}" -u "${OBJECT}"
    OUTPUT_VARIABLE undefined COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND "${NM}" --defined-only "${OBJECT}"
    OUTPUT_VARIABLE defined COMMAND_ERROR_IS_FATAL ANY)
if(NOT defined MATCHES " use_everything")
    message(FATAL_ERROR "the object does not hold what it should:\n${defined}")
endif()
string(REGEX REPLACE " +U (memcpy|memset|memmove|memcmp)\n" "" undefined "${undefined}")
string(STRIP "${undefined}" undefined)
if(undefined)
    message(FATAL_ERROR "undefined symbols:\n${undefined}")
endif()
