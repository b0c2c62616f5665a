/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of record, by which it is said how long records are kept. What was refused is of the kind of what was tried. */
#ifndef QY_AUDIT_KIND_H
#define QY_AUDIT_KIND_H

#include <stdbool.h>

/* Of record_kinds; none is taken away or becomes another one, as prunings on record name them. */
enum record_kind {
    KIND_PERSON,
    KIND_LIST,
    KIND_EXPORT,
    KIND_CHANGE,
    KIND_IDENTITY,
    KIND_DELIVERY,
    KIND_SETTING,
    KIND_ACCESS,
    KIND_AUDITOR,
    KIND_ALERT,
    KIND_OTHER,
    KIND_JOIN, /* who is who: searches follow it, and verify holds the tables against it */
    KIND_LOG,  /* keys, witnesses, and what says what was pruned, why and by whose policy */
    KIND_COUNT
};
struct record_kind_text {
    const char *name, *about;
    bool for_ever; /* no policy can say otherwise */
};
extern const struct record_kind_text record_kinds[KIND_COUNT];
bool record_kind_find(const char *name, enum record_kind *ret_kind);

/* By what a record calls its action; a pure function, of which records on file depend. */
enum record_kind record_kind_of(const char *action);

#endif
