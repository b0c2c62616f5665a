/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/checkpoint.h"

#include "common/error.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_TEXT 44 /* 32 bytes in base64 */

void checkpoint_format(const struct checkpoint *checkpoint, struct buffer *out)
{
    char root[ROOT_TEXT + 1];
    sodium_bin2base64(root, sizeof(root), checkpoint->root.bytes, sizeof(checkpoint->root.bytes),
        sodium_base64_VARIANT_ORIGINAL);
    buffer_printf(out, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin, checkpoint->size, root);
}

/* A number as it is written: no sign, no zeros before it. */
static bool parse_number(const char *text, size_t size, uint64_t *ret_number)
{
    char digits[24];
    if (size == 0 || size > 19 || (size > 1 && text[0] == '0'))
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (strspn(digits, "0123456789") != size)
        return false;
    *ret_number = strtoull(digits, NULL, 10);
    return true;
}

int checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint)
{
    struct checkpoint checkpoint = {.origin = ""};
    struct bytes lines[3];
    size_t at = 0, size;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        const uint8_t *end = at < text.size ? memchr(text.data + at, '\n', text.size - at) : NULL;
        if (!end)
            return -QY_EINVAL;
        lines[i] = (struct bytes){text.data + at, (size_t)(end - text.data) - at};
        at += lines[i].size + 1;
    }
    if (lines[0].size == 0 || lines[0].size >= sizeof(checkpoint.origin) || lines[2].size != ROOT_TEXT)
        return -QY_EINVAL;
    if (memchr(lines[0].data, '\0', lines[0].size))
        return -QY_EINVAL;
    memcpy(checkpoint.origin, lines[0].data, lines[0].size);
    if (!parse_number((const char *)lines[1].data, lines[1].size, &checkpoint.size) ||
        !note_base64((const char *)lines[2].data, ROOT_TEXT, checkpoint.root.bytes,
            sizeof(checkpoint.root.bytes), &size) ||
        size != sizeof(checkpoint.root.bytes))
        return -QY_EINVAL;
    *ret_checkpoint = checkpoint;
    return 0;
}

/* -- tiles -- */

/* Groups of three digits; all but the last begin with an x. */
static size_t add_number(char *path, size_t size, uint64_t number)
{
    unsigned groups[7], count = 0;
    size_t used = 0;
    do
        groups[count++] = (unsigned)(number % 1000);
    while ((number /= 1000) > 0);
    while (count-- > 0)
        used += (size_t)snprintf(path + used, size - used, "/%s%03u", count > 0 ? "x" : "", groups[count]);
    return used;
}

void tile_path_format(const struct tile_place *place, char ret_path[TILE_PATH_BYTES])
{
    int level = place->entries ? snprintf(ret_path, TILE_PATH_BYTES, "tile/entries")
                               : snprintf(ret_path, TILE_PATH_BYTES, "tile/%u", place->level);
    size_t used = (size_t)level;
    used += add_number(ret_path + used, TILE_PATH_BYTES - used, place->number);
    if (place->width < MERKLE_TILE_HASHES)
        snprintf(ret_path + used, TILE_PATH_BYTES - used, ".p/%u", place->width);
}

/* Reads the parts, without minding how they are written. */
static bool read_place(const char *path, struct tile_place *place)
{
    uint64_t number;
    char *end;
    if (strncmp(path, "tile/", 5) != 0)
        return false;
    path += 5;
    place->entries = strncmp(path, "entries/", 8) == 0;
    place->level = place->entries ? 0 : (unsigned)strtoul(path, &end, 10);
    path += strcspn(path, "/");
    for (place->number = 0; *path == '/'; path = end) {
        path += path[1] == 'x' ? 2 : 1;
        if (strspn(path, "0123456789") != 3 || place->number > UINT64_C(1000000000000000))
            return false;
        number = strtoull(path, &end, 10);
        place->number = place->number * 1000 + number;
    }
    place->width = MERKLE_TILE_HASHES;
    if (strncmp(path, ".p/", 3) == 0)
        place->width = (unsigned)strtoul(path + 3, &end, 10);
    return true;
}

bool tile_path_parse(const char *path, struct tile_place *ret_place)
{
    struct tile_place place;
    char again[TILE_PATH_BYTES];
    if (strlen(path) >= sizeof(again) || !read_place(path, &place) || place.level > 63 || place.width == 0 ||
        place.width > MERKLE_TILE_HASHES)
        return false;
    /* There is one way to write it: what is not that way is no path of a tile. */
    tile_path_format(&place, again);
    if (strcmp(path, again) != 0)
        return false;
    *ret_place = place;
    return true;
}

unsigned tile_width(uint64_t size, unsigned level, uint64_t number)
{
    if (level >= MERKLE_LEVELS)
        return 0;
    uint64_t hashes = size >> (8 * level);
    if (number > UINT64_MAX / MERKLE_TILE_HASHES || number * MERKLE_TILE_HASHES >= hashes)
        return 0;
    uint64_t width = hashes - number * MERKLE_TILE_HASHES;
    return width < MERKLE_TILE_HASHES ? (unsigned)width : MERKLE_TILE_HASHES;
}

int tile_entries_parse(struct bytes bundle, unsigned width, struct bytes ret_entries[MERKLE_TILE_HASHES])
{
    const uint8_t *at = bundle.data;
    size_t left = bundle.size;
    for (unsigned i = 0; i < width; i++) {
        size_t size = left < 2 ? SIZE_MAX : (size_t)at[0] << 8 | at[1];
        if (left < 2 || size > left - 2)
            return -QY_ECORRUPT;
        ret_entries[i] = size > 0 ? (struct bytes){at + 2, size} : (struct bytes){0};
        at += 2 + size;
        left -= 2 + size;
    }
    return left > 0 ? -QY_ECORRUPT : 0;
}
