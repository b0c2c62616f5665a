/* SPDX-License-Identifier: Apache-2.0 */
/* What each operation of the API leaves on record.
 *
 * An operation with an action touches people: it shows, counts, changes or uses what is known of them. What it does is on record
 * before it is answered, by its handler or as an act in its owner's journal; and so is each attempt that was refused (403, 404, 409,
 * 412, 422, 429). One without shows nobody: the organisation, definitions, write keys, totals. */
#ifndef QY_GATEWAY_ON_RECORD_H
#define QY_GATEWAY_ON_RECORD_H

struct api_operation;

struct on_record {
    const char *action; /* "person.show" */
    const char *const
        *fields; /* what its answer shows of people, NULL-terminated; NULL: the handler says so */
};

/* NULL: it touches nobody. */
const struct on_record *on_record_of(const struct api_operation *operation);

#endif
