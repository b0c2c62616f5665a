/* SPDX-License-Identifier: Apache-2.0 */
/* What of an event may leave identity: its properties less what is personal, traits that are not personal, of
 * its context an allow-list, and facts derived from personal traits.
 *
 * Members are dropped by their names (keyword.h), values by their looks and by what is known of the person
 * (personal.h). An id that looks personal is replaced by a token ("h_…"), so that what was distinct stays
 * distinct. */
#ifndef QY_IDENTITY_PSEUDONYM_H
#define QY_IDENTITY_PSEUDONYM_H

#include "services/identity/personal.h"
#include "services/identity/vault.h"

#define PERSONAL_TRAITS_MAX 128 /* of one event; what is beyond is not kept */

/* A trait that stays in identity. */
struct personal_trait {
    const char *key;
    size_t key_size;
    yyjson_val *value; /* null removes */
};

/* Scratch memory of the one thread that works through events. */
struct pseudonymiser;
int pseudonymiser_open(
    const struct vault *vault, struct key_cache *keys, struct pseudonymiser **ret_pseudonymiser);
void pseudonymiser_close(struct pseudonymiser **pseudonymiser);

/* Turns to an event; both live until the next call. Gathers what the event itself says about the person. */
void pseudonym_begin(
    struct pseudonymiser *pseudonymiser, const struct event *event, const struct identifiers *identifiers);
/* What is stored of the person: the values, or their sketch, with which `open` may be called before the next event to add them. */
void pseudonym_know(struct pseudonymiser *pseudonymiser, const struct known *stored);
void pseudonym_suspect(struct pseudonymiser *pseudonymiser, const struct sketch *stored,
    const struct sketch_key *key, personal_open_fn *open, void *self);
/* Called at most once an event, and only for one that bears something like a digest: adds the forms of all
 * that is stored of the person. */
void pseudonym_recall_from(struct pseudonymiser *pseudonymiser, personal_recall_fn *recall, void *self);

/* What personal values are added to: one of both. */
struct gathering {
    struct known *known;
    struct forms *forms;
};
/* Adds what a stored trait says. */
void pseudonym_gather(struct pseudonymiser *pseudonymiser, const char *key, size_t key_size, const char *json,
    size_t json_size, const struct gathering *gathering);

/* Each appends a JSON object, or nothing where there is none. */
void pseudonym_properties(struct pseudonymiser *pseudonymiser, struct buffer *out);
void pseudonym_context(struct pseudonymiser *pseudonymiser, struct buffer *out);
/* Also names the traits that stay. */
void pseudonym_traits(struct pseudonymiser *pseudonymiser, struct buffer *out,
    struct personal_trait ret_personal[PERSONAL_TRAITS_MAX], unsigned *ret_count);
/* Traits that are passed on and stay as well, since likely duplicates are found by them: gender and city. */
bool pseudonym_keeps_too(const char *key, size_t size);
/* The event's name, or "[personal]". */
void pseudonym_name(struct pseudonymiser *pseudonymiser, struct buffer *out);
/* Of recalling, since pseudonym_begin(). */
int pseudonym_error(const struct pseudonymiser *pseudonymiser);

#endif
