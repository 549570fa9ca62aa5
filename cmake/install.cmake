# SPDX-License-Identifier: Apache-2.0
# Headers, a CMake package and a pkg-config file. Nothing here depends on an architecture, so all of
# it goes below share/ and one installation serves every target of a cross-compiling machine.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/trefoil")

target_include_directories(trefoil INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(TARGETS trefoil EXPORT trefoil-targets)
install(EXPORT trefoil-targets NAMESPACE trefoil:: DESTINATION "${package_dir}")
install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/include/trefoil"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/trefoil-config.cmake.in"
    "${PROJECT_BINARY_DIR}/package/trefoil-config.cmake"
    INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/package/trefoil-config-version.cmake"
    COMPATIBILITY SameMinorVersion # before 1.0 every minor version may break its users
    ARCH_INDEPENDENT)
install(
    FILES "${PROJECT_BINARY_DIR}/package/trefoil-config.cmake"
          "${PROJECT_BINARY_DIR}/package/trefoil-config-version.cmake"
    DESTINATION "${package_dir}")

# The .pc file finds its prefix from where it lies, so an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH prefix_to_include "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file(
    "${PROJECT_SOURCE_DIR}/cmake/trefoil.pc.in" "${PROJECT_BINARY_DIR}/package/trefoil.pc" @ONLY)
install(
    FILES "${PROJECT_BINARY_DIR}/package/trefoil.pc"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
