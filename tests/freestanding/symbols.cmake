# SPDX-License-Identifier: Apache-2.0
# cmake -DNM=... -DOBJECT=... -P symbols.cmake
#
# A freestanding object file may leave undefined what every compiler takes for granted, and nothing
# else.
cmake_minimum_required(VERSION 3.21)

execute_process(
    COMMAND "${NM}" --undefined-only --format=posix "${OBJECT}"
    RESULT_VARIABLE status
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${output}")
foreach(line IN LISTS lines)
    string(REGEX REPLACE " .*" "" symbol "${line}")
    # The table is the linker's own.
    if(NOT symbol MATCHES "^(memcpy|memset|memmove|memcmp|_GLOBAL_OFFSET_TABLE_)$")
        list(APPEND needed "${symbol}")
    endif()
endforeach()
if(needed)
    string(REPLACE ";" " " needed "${needed}")
    message(FATAL_ERROR "needs: ${needed}")
endif()
