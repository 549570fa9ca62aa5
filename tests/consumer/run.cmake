# SPDX-License-Identifier: Apache-2.0
# Runs one consumer test; see CMakeLists.txt for the variables.
cmake_minimum_required(VERSION 3.21)

set(prefix "${WORK}/prefix")
set(work "${WORK}/${CASE}")
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")
unset(ENV{DESTDIR})

function(run)
    string(REPLACE ";" " " shown "${ARGN}")
    message("> ${shown}")
    execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${work}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(CASE STREQUAL "install")
    # The prefix is moved afterwards: nothing installed may know where it was installed.
    file(REMOVE_RECURSE "${prefix}")
    run("${CMAKE_COMMAND}" --install "${TREFOIL_BUILD}" --config "${CONFIG}" --prefix "${work}/here")
    file(RENAME "${work}/here" "${prefix}")

elseif(CASE STREQUAL "pkg_config")
    find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
    set(ENV{PKG_CONFIG_PATH} "${prefix}/share/pkgconfig")
    execute_process(
        COMMAND "${pkg_config}" --modversion trefoil
        OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    if(NOT version STREQUAL TREFOIL_VERSION)
        message(FATAL_ERROR "trefoil.pc says ${version}, not ${TREFOIL_VERSION}")
    endif()
    execute_process(
        COMMAND "${pkg_config}" --cflags --libs trefoil
        OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    separate_arguments(more_flags UNIX_COMMAND "${CXX_FLAGS}")
    run("${CXX}" -std=c++20 ${more_flags} "${CMAKE_CURRENT_LIST_DIR}/common/program.cpp" -o program
        ${flags})
    run("${work}/program")

else()
    run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CASE}" -B "${work}" -G "${GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
        "-DCMAKE_BUILD_TYPE=${CONFIG}" "-DCMAKE_PREFIX_PATH=${prefix}"
        "-DTREFOIL_SOURCE=${TREFOIL_SOURCE}" "-DTREFOIL_VERSION=${TREFOIL_VERSION}"
        --no-warn-unused-cli)
    run("${CMAKE_COMMAND}" --build "${work}" --config "${CONFIG}")
    run("${CMAKE_COMMAND}" --build "${work}" --config "${CONFIG}" --target run)
endif()
