# SPDX-License-Identifier: Apache-2.0
# What Trefoil's own tests, examples and benchmarks are built with. Users never see any of it.

set(CMAKE_CXX_EXTENSIONS OFF) # the headers must not lean on GNU C++

# A compiler newer than those tried (g++ 12 and 14, clang 14 to 19) may warn of more: that is shown, and
# is no reason not to build.
set(warnings_are_errors ${TREFOIL_WERROR})
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 15)
   OR (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 20))
    set(warnings_are_errors OFF)
endif()

add_library(trefoil_warnings INTERFACE)
target_compile_options(
    trefoil_warnings
    INTERFACE -Wall
              -Wextra
              -Wpedantic
              -Wconversion
              -Wshadow
              # g++ 12 sees an overlap in every "literal" + std::string (GCC bug 105651).
              $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
              $<$<BOOL:${warnings_are_errors}>:-Werror>)

if(TREFOIL_SANITIZE)
    # For the whole directory, not per target: a program of which only some objects are instrumented
    # misses errors (address) or reports false ones (thread).
    add_compile_options(
        -fsanitize=${TREFOIL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TREFOIL_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang") # tests ask as one asks g++
        string(REGEX MATCHALL "address|thread" kinds "${TREFOIL_SANITIZE}")
        foreach(kind IN LISTS kinds)
            string(TOUPPER "${kind}" kind)
            add_compile_definitions(__SANITIZE_${kind}__=1)
        endforeach()
    endif()
endif()

# Much of the time of a test's build is GoogleTest's header. The sanitizers' builds read it once; the
# others read it in every test, so that they see it when a test forgets to include it. (And g++ 12, when
# it optimises, warns of system headers that it finds precompiled.)
option(TREFOIL_PRECOMPILE "Precompile GoogleTest's header for the tests" OFF)
if(TREFOIL_PRECOMPILE AND build_tests)
    set(unit "${PROJECT_BINARY_DIR}/precompiled.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "// The owner of what is precompiled.\n")
    # Once for each level of optimisation: the compiler takes no other's.
    foreach(precompiled trefoil_precompiled trefoil_precompiled_O0)
        add_library(${precompiled} OBJECT EXCLUDE_FROM_ALL "${unit}")
        target_link_libraries(
            ${precompiled} PRIVATE trefoil::trefoil trefoil_warnings GTest::gtest_main)
        target_precompile_headers(${precompiled} PRIVATE <gtest/gtest.h>)
    endforeach()
    target_compile_options(trefoil_precompiled_O0 PRIVATE -O0)
endif()

# trefoil_add_test(<name> SOURCES <file>... [LABELS <label>...] [OPTIONS <compile option>...]
#                  [LIBRARIES <target>...] [NO_SANITIZER] [ALONE])
#
# One GoogleTest executable and ONE ctest entry for it: a process per test case would cost more than
# the cases themselves. NO_SANITIZER: the test does what no sanitizer survives (it replaces malloc,
# say), so it is left out of sanitizer builds. ALONE: its threads wait for each other in turns, which
# beside another test on two CPUs takes them ten times as long, or forty.
function(trefoil_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "NO_SANITIZER;ALONE" "" "SOURCES;LABELS;OPTIONS;LIBRARIES")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
        message(FATAL_ERROR "trefoil_add_test(${name}): SOURCES missing or strange argument: "
                            "'${arg_UNPARSED_ARGUMENTS}'")
    endif()
    if(arg_NO_SANITIZER AND TREFOIL_SANITIZE)
        message(STATUS "trefoil: left out under -fsanitize=${TREFOIL_SANITIZE}: ${name}")
        return()
    endif()
    add_executable(${name} ${arg_SOURCES})
    # Optimising GoogleTest's macros takes compilers longer than all libraries: twice as long as -Og. What
    # unit tests check is optimised fully in clang++'s build, and in the tests of reclaimers; the others check
    # libraries. Under a sanitizer, which adds its own to each access, it takes twice as long again.
    set(precompiled trefoil_precompiled)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND arg_LABELS MATCHES "^(unit|lab|machine|mm)(;|$)")
        if(TREFOIL_SANITIZE)
            target_compile_options(${name} PRIVATE -O0)
            set(precompiled trefoil_precompiled_O0)
        else()
            target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-Og>)
        endif()
    endif()
    target_compile_options(${name} PRIVATE ${arg_OPTIONS})
    target_link_libraries(
        ${name} PRIVATE trefoil::trefoil trefoil_warnings GTest::gtest_main ${arg_LIBRARIES})
    # It fits what is compiled with the same options. A macro that GoogleTest does not know is no matter.
    set(others ${arg_OPTIONS})
    list(FILTER others EXCLUDE REGEX "^-DTREFOIL_")
    if(TARGET ${precompiled} AND NOT others)
        target_precompile_headers(${name} REUSE_FROM ${precompiled})
    endif()
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
    # A deadlock is a likely failure of this library: it has to end, and with a name.
    set(timeout 120)
    if("long" IN_LIST arg_LABELS)
        set(timeout 1200)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${timeout})
    if(arg_ALONE)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endfunction()

# trefoil_add_must_not_compile(<name> <file> [<regex>])
#
# Registers one case of tests/must_not_compile (the format is described there). With a regex the
# roles change: the case is itself faulty, and the harness must refuse it with this message.
function(trefoil_add_must_not_compile name file)
    get_filename_component(file "${file}" ABSOLUTE)
    add_test(
        NAME ${name}
        COMMAND
            "${CMAKE_COMMAND}" "-DCOMPILER=${CMAKE_CXX_COMPILER}"
            "-DCOMPILER_ID=${CMAKE_CXX_COMPILER_ID}" "-DINCLUDE_DIR=${PROJECT_SOURCE_DIR}/include"
            "-DSOURCE=${file}" "-DPRECOMPILED=${PROJECT_BINARY_DIR}/must_not_compile/trefoil.hpp"
            -P "${PROJECT_SOURCE_DIR}/cmake/must_not_compile.cmake")
    set_tests_properties(
        ${name} PROPERTIES LABELS must-not-compile TIMEOUT 120 FIXTURES_REQUIRED
                           must_not_compile_precompiled)
    if(ARGC GREATER 2)
        set_tests_properties(${name} PROPERTIES PASS_REGULAR_EXPRESSION "${ARGV2}")
    endif()
endfunction()
