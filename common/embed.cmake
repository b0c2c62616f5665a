# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, C that holds FILES (a list) as SYMBOL: struct embedded_file, see common/embedded.h.
set(data)
set(list)
set(number 0)
foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND data "static const unsigned char file_${number}[] = {${bytes}};\n")
    string(APPEND list "    {\"${name}\", file_${number}, sizeof(file_${number})},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"common/embedded.h\"\n\nextern const struct embedded_file ${SYMBOL}[];\n${data}
const struct embedded_file ${SYMBOL}[] = {\n${list}    {0, 0, 0},\n};\n")
