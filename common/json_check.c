/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* yyjson takes no bare control character: a NUL comes as this escape, or not at all. */
bool json_may_hold_nul(struct bytes document)
{
    return document.size > 0 && memmem(document.data, document.size, "\\u0000", 6) != NULL;
}

/* "a/b" is "a~1b" in a JSON pointer. Returns the length, 0 where it does not fit. */
static size_t write_name(char *out, size_t size, const char *name, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        bool escaped = name[i] == '~' || name[i] == '/';
        if (used + 1u + escaped >= size)
            return 0;
        if (escaped)
            out[used++] = '~';
        out[used++] = (char)(name[i] == '~' ? '0' : name[i] == '/' ? '1' : name[i]);
    }
    return used;
}

/* A part of a pointer: '/' and the member's name, or the element's index where `key` is NULL. */
static bool add_part(char pointer[JSON_POINTER_BYTES], yyjson_val *key, size_t index)
{
    size_t used = strlen(pointer);
    char *out = pointer + used + 1;
    size_t room = JSON_POINTER_BYTES - used - 1, size;
    if (room < 24)
        return false;
    if (key)
        size = write_name(out, room, yyjson_get_str(key), yyjson_get_len(key));
    else
        size = (size_t)snprintf(out, room, "%zu", index);
    if (size == 0 && (!key || yyjson_get_len(key) > 0))
        return false;
    pointer[used] = '/';
    out[size] = '\0';
    return true;
}

/* The child that holds `value`, which stands behind `parent` in the document; NULL where `value` is itself one of
 * its members' names. */
static yyjson_val *step_down(
    yyjson_val *parent, const yyjson_val *value, yyjson_val **ret_key, size_t *ret_index)
{
    bool object = yyjson_is_obj(parent);
    yyjson_val *at = unsafe_yyjson_get_first(parent);
    for (*ret_index = 0;; (*ret_index)++) {
        *ret_key = object ? at : NULL;
        if (at == value && object)
            return NULL;
        yyjson_val *child = object ? at + 1 : at;
        yyjson_val *next = unsafe_yyjson_get_next(child);
        if (value < next)
            return child;
        at = next;
    }
}

/* A document's values lie one behind the other, each before what it contains: no recursion, however deep it is. */
static void find_way(yyjson_val *root, const yyjson_val *value, char ret_pointer[JSON_POINTER_BYTES])
{
    yyjson_val *key;
    size_t index;
    ret_pointer[0] = '\0';
    for (yyjson_val *at = root; at != value;) {
        at = step_down(at, value, &key, &index);
        if (!at || !add_part(ret_pointer, key, index))
            return;
    }
}

bool json_find_nul(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES])
{
    if (!root)
        return false;
    const yyjson_val *end = unsafe_yyjson_get_next(root);
    for (yyjson_val *value = root; value < end; value++)
        if (yyjson_is_str(value) && memchr(yyjson_get_str(value), 0, yyjson_get_len(value))) {
            find_way(root, value, ret_pointer);
            return true;
        }
    return false;
}

static int compare_names(const void *left, const void *right)
{
    yyjson_val *a = *(yyjson_val *const *)left, *b = *(yyjson_val *const *)right;
    size_t a_size = yyjson_get_len(a), b_size = yyjson_get_len(b);
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    return memcmp(yyjson_get_str(a), yyjson_get_str(b), a_size);
}

/* One of two names that are the same; NULL where there are none. `names` has room for all of them. */
static yyjson_val *repeated_name(yyjson_val *object, yyjson_val **names)
{
    size_t count = 0;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iterator));)
        names[count++] = key;
    if (count > 1)
        qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count; i++)
        if (compare_names(&names[i - 1], &names[i]) == 0)
            return names[i];
    return NULL;
}

static size_t largest_object(yyjson_val *root)
{
    size_t most = 0;
    for (yyjson_val *value = root; value < unsafe_yyjson_get_next(root); value++)
        if (yyjson_obj_size(value) > most)
            most = yyjson_obj_size(value);
    return most;
}

int json_find_repeated(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES])
{
    size_t most = root ? largest_object(root) : 0;
    if (most < 2)
        return 0;
    _cleanup_(free_pointer) yyjson_val **names = calloc(most, sizeof(yyjson_val *));
    if (!names)
        return -QY_ENOMEM;
    for (yyjson_val *value = root; value < unsafe_yyjson_get_next(root); value++) {
        yyjson_val *key = yyjson_is_obj(value) ? repeated_name(value, names) : NULL;
        if (!key)
            continue;
        find_way(root, yyjson_obj_iter_get_val(key), ret_pointer);
        return -QY_EEXISTS;
    }
    return 0;
}

bool json_find_deep(yyjson_val *root, char ret_pointer[JSON_POINTER_BYTES])
{
    const yyjson_val *ends[JSON_DEPTH_MAX]; /* of the objects and lists around the value */
    size_t depth = 0;
    if (!root)
        return false;
    const yyjson_val *end = unsafe_yyjson_get_next(root);
    for (yyjson_val *value = root; value < end; value++) {
        while (depth > 0 && value >= ends[depth - 1])
            depth--;
        if (!yyjson_is_ctn(value))
            continue;
        if (depth == JSON_DEPTH_MAX) {
            find_way(root, value, ret_pointer);
            return true;
        }
        ends[depth++] = unsafe_yyjson_get_next(value);
    }
    return false;
}
