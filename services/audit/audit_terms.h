/* SPDX-License-Identifier: Apache-2.0 */
/* By what a record is found: its terms. The one place that knows which of a record's members make terms. */
#ifndef QY_AUDIT_TERMS_H
#define QY_AUDIT_TERMS_H

#include "common/mem.h"
#include "proto/audit.pb-c.h"

#include <stdbool.h>

/* The first byte of a term's key; keys sort by it. */
enum term_kind {
    TERM_ACTOR = 'a',
    TERM_ACTION = 'c',
    TERM_FIELD = 'f',
    TERM_TASK = 'g',
    TERM_HAS = 'h', /* see audit_has */
    TERM_ADDRESS = 'i',
    TERM_JOURNEY = 'j',
    TERM_ACTOR_KIND = 'k',
    TERM_MISSED_KIND = 'l',
    TERM_MISSED = 'm',
    TERM_NUMBER = 'n', /* a person's, in 4 bytes, big-endian */
    TERM_OUTCOME = 'o',
    TERM_PERSON = 'p', /* One ID */
    TERM_RULE = 'q',
    TERM_ROLE = 'r',
    TERM_SERVICE = 's',
    TERM_TOKEN = 't',
    TERM_UNIT = 'u',
    TERM_PURPOSE = 'w',
    TERM_SET = 'x',     /* an exact set's hash, in hex */
    TERM_ALTERED = 'z', /* nobody asks for it: see audit_tail_add_altered() */
};

/* What a record can have, the texts of TERM_HAS; NULL-terminated. */
extern const char *const audit_has[];

/* A key: the kind, then the text. Of texts beyond TERM_TEXT_MAX it is TERM_TEXT_BEGINNING bytes at least, " sha256:" and the hash of the
 * whole in hex. */
#define TERM_TEXT_MAX 400u
#define TERM_TEXT_BEGINNING 320u
struct term_key {
    size_t size;
    uint8_t bytes[1 + TERM_TEXT_MAX];
};
extern const struct term_key term_altered;
void term_of_text(enum term_kind kind, const char *text, struct term_key *ret_key);
void term_of_number(uint32_t number, struct term_key *ret_key);
uint64_t term_hash(const uint8_t *key, size_t size);

/* Terms of which a record must bear one. */
struct term_value {
    struct term_key key;
    uint64_t hash;
};
struct term_values {
    struct term_value *whole; /* by hash, see term_values_sort() */
    size_t whole_count;
    struct term_value *prefixes; /* any key that begins so */
    size_t prefix_count;
};
void term_values_sort(struct term_values *values);
bool term_values_hold(const struct term_values *values, const uint8_t *key, size_t size, uint64_t hash);

/* Calls back for each term of the record; one may come twice. */
typedef void term_fn(void *context, const struct term_key *key);
void audit_terms(const Quanyu__AuditRecord *record, term_fn *visit, void *context);

#endif
