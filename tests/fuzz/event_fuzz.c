/* SPDX-License-Identifier: Apache-2.0 */
/* Extraction and scrubbing of whatever arrives: nothing crashes, what goes out is JSON, and an email, a
 * phone number, an identity card's or a plate is never in it. The first byte picks the type. */
#include "services/identity/pseudonym.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kinds kinds;
static struct vault *vault;
static struct event_reader *reader;
static struct key_cache *keys;
static struct pseudonymiser *pseudonymiser;
static struct identifiers identifiers;
static struct personal_trait personal[PERSONAL_TRAITS_MAX];

static void set_up(void)
{
    static const uint8_t master[VAULT_MASTER_BYTES] = {1};
    if (kinds_set(&kinds, KINDS_STANDARD, "CN") || vault_open(master, &vault) || event_reader_open(&reader) ||
        key_cache_open(&kinds, &keys) || pseudonymiser_open(vault, keys, &pseudonymiser))
        abort();
}

static void check(struct buffer *out, bool traits)
{
    if (buffer_error(out))
        abort();
    if (out->size == 0)
        return;
    yyjson_doc *doc = yyjson_read((const char *)out->data, out->size, YYJSON_READ_NUMBER_AS_RAW);
    if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        abort();
    yyjson_val *root = yyjson_doc_get_root(doc);
    /* Values lie one behind the other, names among them: each is looked at, however deep it is. */
    for (yyjson_val *value = root; value < unsafe_yyjson_get_next(root); value++)
        if (yyjson_is_str(value) &&
            (looks_like_email(yyjson_get_str(value), yyjson_get_len(value)) ||
                (!traits && (looks_like_number(yyjson_get_str(value), yyjson_get_len(value)) ||
                                looks_like_plate(yyjson_get_str(value), yyjson_get_len(value), true)))))
            abort();
    yyjson_doc_free(doc);
    buffer_clear(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buffer out;
    struct event event;
    if (!vault)
        set_up();
    if (size == 0)
        return 0;
    Quanyu__EventType type = (Quanyu__EventType)(data[0] % 7);
    if (event_read(reader, type, (struct bytes){data + 1, size - 1}, &event))
        return 0;
    identifiers_extract(&kinds, keys, &event, &identifiers);
    if (identifiers.count == 0)
        return 0;
    pseudonym_begin(pseudonymiser, &event, &identifiers);
    pseudonym_name(pseudonymiser, &out);
    buffer_clear(&out);
    pseudonym_properties(pseudonymiser, &out);
    check(&out, false);
    unsigned count;
    pseudonym_traits(pseudonymiser, &out, personal, &count);
    check(&out, true);
    pseudonym_context(pseudonymiser, &out);
    check(&out, false);
    return 0;
}
