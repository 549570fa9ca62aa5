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

# Optimising GoogleTest's macros takes g++ longer than all libraries: twice as long as -Og. What tests of
# the mechanism check is optimised fully in clang++'s build; the others check libraries. Under a sanitizer,
# which adds its own to each access, it takes twice as long again.
set(test_level "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    if(TREFOIL_SANITIZE)
        set(test_level -O0)
    else()
        set(test_level $<$<CONFIG:Release>:-Og>)
    endif()
endif()

# GoogleTest's header is a tenth to a third of the time of a test's build. The presets of ./test read it
# once; debug reads it in every test, and so sees it when a test forgets to include it.
option(TREFOIL_PRECOMPILE "Precompile GoogleTest's header for the tests" OFF)
if(TREFOIL_PRECOMPILE AND build_tests)
    set(unit "${PROJECT_BINARY_DIR}/precompiled.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "// The owner of what is precompiled.\n")
    add_library(trefoil_precompiled OBJECT EXCLUDE_FROM_ALL "${unit}")
    target_link_libraries(
        trefoil_precompiled PRIVATE trefoil::trefoil trefoil_warnings GTest::gtest_main)
    target_compile_options(trefoil_precompiled PRIVATE ${test_level}) # the compiler takes no other's
    target_precompile_headers(trefoil_precompiled PRIVATE <gtest/gtest.h>)
endif()

# trefoil_unity(<target> [BESIDE <file>...])
#
# Reading headers and instantiating templates is most of the time of a library's build. With TREFOIL_UNITY
# the files of one folder are one unit, except BESIDE, whose local names others have, too. Off by default:
# a change of one file compiles less without, and clang-tidy looks at single files.
function(trefoil_unity target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "BESIDE")
    if(NOT TREFOIL_UNITY)
        return()
    endif()
    get_target_property(files ${target} SOURCES)
    foreach(file IN LISTS files)
        cmake_path(GET file PARENT_PATH folder)
        if(file MATCHES "\\.cpp$" AND NOT file IN_LIST arg_BESIDE)
            set_source_files_properties("${file}" PROPERTIES UNITY_GROUP "files_${folder}")
        endif()
    endforeach()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

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
    target_compile_options(${name} PRIVATE ${test_level} ${arg_OPTIONS})
    target_link_libraries(
        ${name} PRIVATE trefoil::trefoil trefoil_warnings GTest::gtest_main ${arg_LIBRARIES})
    # It fits what is compiled with the same options. A macro that GoogleTest does not know is no matter.
    set(others ${arg_OPTIONS})
    list(FILTER others EXCLUDE REGEX "^-DTREFOIL_")
    if(TARGET trefoil_precompiled AND NOT others)
        target_precompile_headers(${name} REUSE_FROM trefoil_precompiled)
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
