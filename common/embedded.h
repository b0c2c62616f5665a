/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the tree that the build puts into a program (quanyu_embed() in CMakeLists.txt). */
#ifndef QY_COMMON_EMBEDDED_H
#define QY_COMMON_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* without directories; NULL: the end of the list */
    const unsigned char *data;
    size_t size;
};

#endif
