/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by which shops pass on whom they mean. */
#include "common/ascii.h"
#include "common/mem.h"
#include "services/gateway/dead_letter_match.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX 256 /* no identifier is longer */

static void add_digest(struct match *match, const char *text, size_t size)
{
    static const char *const names[DIGEST_COUNT] = {"MD5", "SHA1", "SHA256"};
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        uint8_t hash[EVP_MAX_MD_SIZE];
        struct wanted_digest *digest = &match->digests[match->digest_count];
        if (match->digest_count == COUNT_OF(match->digests) ||
            EVP_Q_digest(NULL, names[i], NULL, text, size, hash, NULL) != 1)
            continue;
        digest->algorithm = (enum digest_algorithm)i;
        memcpy(digest->start, hash, sizeof(digest->start));
        match->digest_count++;
    }
}

static void add_cased(struct match *match, const struct wanted *wanted)
{
    char small[VALUE_MAX], capital[VALUE_MAX];
    if (wanted->size > VALUE_MAX)
        return;
    for (size_t i = 0; i < wanted->size; i++) {
        small[i] = ascii_lower(wanted->value[i]);
        capital[i] = (char)(ascii_is_letter(small[i]) ? small[i] - 'a' + 'A' : small[i]);
    }
    add_digest(match, wanted->value, wanted->size);
    add_digest(match, small, wanted->size);
    add_digest(match, capital, wanted->size);
}

void match_add_digests(struct match *match, const struct wanted *wanted)
{
    static const char *const forms[] = {"%s", "86%s", "+86%s", "0086%s", "+%s"};
    static const char *const groups[] = {"%.3s-%.4s-%s", "%.3s %.4s %s"};
    char text[2 * MATCH_NUMBER_BYTES];
    const char *number = wanted->number;
    add_cased(match, wanted);
    for (size_t i = 0; *number && i < COUNT_OF(forms); i++) {
        snprintf(text, sizeof(text), forms[i], number);
        add_digest(match, text, strlen(text));
    }
    for (size_t i = 0; strlen(number) == 11 && i < COUNT_OF(groups); i++) {
        snprintf(text, sizeof(text), groups[i], number, number + 3, number + 7);
        add_digest(match, text, strlen(text));
    }
}

bool match_has_digest(const struct match *match, const struct digest *digest)
{
    for (size_t i = 0; i < match->digest_count; i++)
        if (match->digests[i].algorithm == digest->algorithm &&
            memcmp(match->digests[i].start, digest->bytes, sizeof(match->digests[i].start)) == 0)
            return true;
    return false;
}
