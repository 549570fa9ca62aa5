# SPDX-License-Identifier: Apache-2.0
# cmake -DBPFTOOL=... -DOBJECT=... -DHEADER=... -DNAME=... -P bpf_skeleton.cmake
# Makes the header that embeds a BPF object.
execute_process(
    COMMAND "${BPFTOOL}" gen skeleton "${OBJECT}" name "${NAME}"
    OUTPUT_VARIABLE text
    ERROR_VARIABLE complaint
    RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${BPFTOOL} gen skeleton: ${complaint}")
endif()
file(WRITE "${HEADER}" "${text}")
