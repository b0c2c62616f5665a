/* SPDX-License-Identifier: Apache-2.0 */
/* Personal traits of one node in their plain form, as they are sealed: for each name the value with the
 * latest event time, which is never later than the arrival: nobody's clock can decide for the years to come.
 *
 * A value that is stated again changes nothing, so that an event about somebody known writes nothing; it
 * keeps the time at which it was stated first. A removed value stays as an entry without one, so that older
 * events do not bring it back. */
#ifndef QY_IDENTITY_PROFILE_H
#define QY_IDENTITY_PROFILE_H

#include "services/identity/pseudonym.h"

#define PROFILE_ENTRIES_MAX 256
#define PROFILE_VALUE_MAX 4096 /* bytes of JSON; longer values are not kept */

struct profile_entry {
    const char *key;
    size_t key_size;
    const char *json; /* the value's JSON text, NULL when removed */
    size_t json_size;
    int64_t event_ms;
    uint64_t offset; /* in the gateway's journal; decides between equal times */
};

/* All point into what was read. */
struct profile {
    struct profile_entry entries[PROFILE_ENTRIES_MAX];
    unsigned count;
};
/* -QY_ECORRUPT, -QY_EVERSION. No bytes are an empty profile. */
int profile_read(struct bytes plain, struct profile *ret_profile);
const struct profile_entry *profile_find(const struct profile *profile, const char *key, size_t key_size);
/* Appends the plain form. */
void profile_write(const struct profile *profile, struct buffer *out);

enum profile_change {
    PROFILE_HOLDS = 0,   /* all of it was known already */
    PROFILE_OLDER = 1,   /* something that was stated does not hold */
    PROFILE_CHANGED = 2, /* something is new */
};
/* Takes in what an event states, and yields the changes, or-ed; `texts` holds the new values and must live as long as the profile. */
unsigned profile_merge(struct profile *profile, const struct personal_trait *traits, unsigned count,
    int64_t event_ms, uint64_t offset, struct buffer *texts);

/* Folds a node's profile into its person's: the later of two values stays. */
void profile_fold(struct profile *person, const struct profile *node);

#endif
