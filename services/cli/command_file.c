/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)64 << 20) /* the gateway says what it takes */

bool command_read_file(const char *name, struct buffer *text)
{
    FILE *file = fopen(name, "r");
    while (file && !feof(file) && !ferror(file) && text->size < FILE_BYTES_MAX) {
        uint8_t *room = buffer_reserve(text, 65536);
        if (!room)
            break;
        text->size += fread(room, 1, 65536, file);
    }
    bool good = file && !ferror(file) && !buffer_error(text);
    if (!good)
        fprintf(stderr, "quanyu: %s: %s\n", name, strerror(errno));
    if (file)
        fclose(file);
    return good;
}
