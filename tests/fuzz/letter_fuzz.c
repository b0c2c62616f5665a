/* SPDX-License-Identifier: Apache-2.0 */
/* Refused events as they are shown, searched and corrected, whatever they are: nothing crashes, what is shown is JSON of the same shape,
 * and no phone number, identity card's or plate is in it. The first line, where it is JSON, is a mapping. */
#include "common/looks.h"
#include "services/gateway/dead_letter_mapping.h"
#include "services/gateway/dead_letter_mask.h"
#include "services/gateway/dead_letter_match.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(yyjson_val *text)
{
    if (looks_like_number(yyjson_get_str(text), yyjson_get_len(text)) ||
        looks_like_plate(yyjson_get_str(text), yyjson_get_len(text), false))
        abort();
}

static void check_shown(yyjson_val *shown)
{
    if (yyjson_is_str(shown))
        check_text(shown);
    yyjson_arr_iter items = yyjson_arr_iter_with(shown);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
        check_shown(item);
    yyjson_obj_iter members = yyjson_obj_iter_with(shown);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        check_text(key);
        check_shown(yyjson_obj_iter_get_val(key));
    }
}

static void show(yyjson_val *event)
{
    struct buffer out = BUFFER_INIT;
    letter_mask(event, &out);
    yyjson_doc *shown = yyjson_read((const char *)out.data, out.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!shown)
        abort();
    check_shown(yyjson_doc_get_root(shown));
    yyjson_doc_free(shown);
    buffer_free(&out);
}

static void correct(yyjson_val *mapping, yyjson_doc *event)
{
    struct letter_mapping_fault fault;
    if (!mapping || !letter_mapping_check(mapping, &fault))
        return;
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(event, NULL);
    char *text = letter_mapping_apply(mapping, copy) ? yyjson_mut_write(copy, 0, NULL) : NULL;
    yyjson_doc *corrected = text ? yyjson_read(text, strlen(text), YYJSON_READ_NUMBER_AS_RAW) : NULL;
    if (!corrected)
        abort();
    yyjson_doc_free(corrected);
    free(text);
    yyjson_mut_doc_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct match match;
    if (!match.count &&
        !(match_add(&match, "phone", "13800138000") && match_add(&match, "user_id", "u-1001") &&
            match_add(&match, "wechat_openid", "wx1:o6_b")))
        abort();
    const char *text = (const char *)data, *end = size ? memchr(text, '\n', size) : NULL;
    size_t line = end ? (size_t)(end - text) : 0;
    yyjson_doc *mapping = line ? yyjson_read(text, line, YYJSON_READ_NUMBER_AS_RAW) : NULL;
    yyjson_doc *event = size > line ? yyjson_read(text + line, size - line, YYJSON_READ_NUMBER_AS_RAW) : NULL;
    if (event) {
        show(yyjson_doc_get_root(event));
        (void)match_event(&match, yyjson_doc_get_root(event));
        correct(yyjson_doc_get_root(mapping), event);
    }
    yyjson_doc_free(event);
    yyjson_doc_free(mapping);
    return 0;
}
