# SPDX-License-Identifier: Apache-2.0
# cmake -DCOMPILER=... -DCOMPILER_ID=... -DINCLUDE_DIR=... -DPRECOMPILED=... [-DSOURCE=...]
#       -P must_not_compile.cmake
#
# Without SOURCE: precompiles the umbrella header as PRECOMPILED for g++, whose cases then take half the
# time. (clang++ 14 crashes on a precompiled asm goto.)
#
# Compiles one case of tests/must_not_compile twice: with TREFOIL_VALID it must compile (else the
# case would "pass" because of a typing error), without it the compiler must refuse it, and for the
# reason that the case states.
cmake_minimum_required(VERSION 3.21)

# message(FATAL_ERROR) alone would wrap the text at 77 columns, compiler output and all.
function(fail text)
    message("${text}")
    message(FATAL_ERROR "${SOURCE}")
endfunction()

if(COMPILER_ID STREQUAL "GNU")
    set(us gcc)
    set(no_echo -fno-diagnostics-show-caret)
else()
    set(us clang)
    set(no_echo -fno-caret-diagnostics)
endif()

set(options -std=c++20 -pthread -fdiagnostics-color=never ${no_echo} "-I${INCLUDE_DIR}")

if(NOT DEFINED SOURCE)
    if(NOT COMPILER_ID STREQUAL "GNU")
        return()
    endif()
    file(WRITE "${PRECOMPILED}" "#include <trefoil/trefoil.hpp>\n")
    execute_process(
        COMMAND "${COMPILER}" ${options} -x c++-header "${PRECOMPILED}" -o "${PRECOMPILED}.gch"
                COMMAND_ERROR_IS_FATAL ANY)
    return()
endif()
if(EXISTS "${PRECOMPILED}.gch")
    list(APPEND options -include "${PRECOMPILED}")
endif()

# Collect the regexes. Not as a CMake list, and not by file(STRINGS): messages hold ';' and '['.
file(READ "${SOURCE}" text)
set(count 0)
while(text MATCHES "(^|\n)[ \t]*//[ \t]*error([^\n]*)(.*)$")
    set(line "${CMAKE_MATCH_2}")
    set(text "${CMAKE_MATCH_3}")
    if(NOT line MATCHES "^(\\((gcc|clang)\\))?: (.*[^ \t])[ \t]*$")
        fail("malformed line: // error${line}")
    endif()
    set(regex "${CMAKE_MATCH_3}")
    if(CMAKE_MATCH_2 STREQUAL "" OR CMAKE_MATCH_2 STREQUAL us)
        set(regex_${count} "${regex}")
        math(EXPR count "${count} + 1")
    endif()
endwhile()
if(count EQUAL 0)
    fail("no line '// error: REGEX' for ${us}")
endif()

# Sets <result> and <output>. The echo of source lines is off and the file's own name is taken out:
# a regex has to match what the compiler says, not what the case is called or how it is written.
function(compile result output)
    set(ENV{LC_ALL} C) # plain quotes, English messages
    execute_process(
        COMMAND "${COMPILER}" ${options} -fsyntax-only ${ARGN} "${SOURCE}"
        RESULT_VARIABLE status
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    string(REPLACE "${SOURCE}" "CASE" said "${said}")
    set(${result} "${status}" PARENT_SCOPE)
    set(${output} "${said}" PARENT_SCOPE)
endfunction()

compile(status output -DTREFOIL_VALID)
if(NOT status EQUAL 0)
    fail("${output}\nthe control (with TREFOIL_VALID) does not compile")
endif()

compile(status output)
if(status EQUAL 0)
    fail("compiles, but must not")
elseif(NOT output MATCHES " error: ")
    fail("${output}\nthe compiler failed without an error message (${status})")
endif()
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
    if(NOT output MATCHES "${regex_${i}}")
        fail("${output}\nrefused, but not with '${regex_${i}}'")
    endif()
endforeach()
