/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a refused event is about a person: it bears one of the person's identifiers, wherever and however it is written.
 *
 * A phone number is found by its digits, with and without its country, in any grouping and inside other texts; other values of six
 * characters or more anywhere as a whole word, in any letter case; shorter ones where identifiers stand: userId, anonymousId,
 * previousId, members named id or like the kind. Each of them also where it is encoded, and digests of its usual forms. */
#ifndef QY_GATEWAY_DEAD_LETTER_MATCH_H
#define QY_GATEWAY_DEAD_LETTER_MATCH_H

#include "common/disguise.h"

#include <yyjson.h>

#define MATCH_IDENTIFIERS_MAX 100
#define MATCH_DIGITS_MAX 10
#define MATCH_KIND_BYTES 40
#define MATCH_NUMBER_BYTES 20

struct wanted {
    const char *value; /* trimmed */
    size_t size;
    const char *part; /* of "app:openid", what stands behind the app */
    size_t part_size;
    char kind[MATCH_KIND_BYTES];       /* in lower case, without separators */
    char digits[MATCH_DIGITS_MAX + 1]; /* of a phone number, what every way to write it has; "" for others */
    char number[MATCH_NUMBER_BYTES];   /* and all its digits, without country code and zeros before */
};

/* The beginning of what a value has as its digest, in one of the forms that are usual. */
struct wanted_digest {
    enum digest_algorithm algorithm;
    uint8_t start[8];
};
#define MATCH_FORMS_MAX 10

struct match {
    struct wanted wanted[MATCH_IDENTIFIERS_MAX];
    size_t count;
    struct wanted_digest digests[MATCH_IDENTIFIERS_MAX * MATCH_FORMS_MAX * DIGEST_COUNT];
    size_t digest_count;
};

/* Its digests, dead_letter_digest.c. */
void match_add_digests(struct match *match, const struct wanted *wanted);
bool match_has_digest(const struct match *match, const struct digest *digest);

/* Borrows the value. False where it holds nothing, or there are too many. */
bool match_add(struct match *match, const char *kind, const char *value);
/* Numbers of the event are raw. */
bool match_event(const struct match *match, yyjson_val *event);
/* The same for a text that belongs to no member. */
bool match_text(const struct match *match, const char *text, size_t size);

#endif
