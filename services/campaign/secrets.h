/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks' secrets: sealed wherever a definition is stored, and never shown.
 *
 * The key lies in a file of its own beside the state: freed pages and backups of the state keep old bytes, and without the
 * key they say nothing. A sealed secret is bound to its journey and step: moved elsewhere it does not open. Plain, it is
 * in memory only while a definition is being taken in and while a webhook is being sent. */
#ifndef QY_CAMPAIGN_SECRETS_H
#define QY_CAMPAIGN_SECRETS_H

#include "services/campaign/journey.h"

struct secret_key {
    uint8_t bytes[32];
};

/* The key of `directory`, the service's own; made when missing. */
int secrets_key(const char *directory, struct secret_key *ret_key);

/* Turns a definition as given (and found good) into the form that is stored. A webhook without a secret keeps that of the
 * step with its id in `before` (a stored definition, NULL: there is none); -QY_EINVAL with the problem where there is none
 * to keep. The result lies in `arena`. */
int secrets_seal(const struct secret_key *key, uint32_t journey, struct bytes given,
    const struct journey *before, struct arena *arena, struct bytes *ret_stored,
    struct journey_problem *problem);

/* Turns a stored definition into the form that is shown, with "secret_set":true where a secret is. */
int secrets_hide(struct bytes stored, struct arena *arena, struct bytes *ret_shown);

/* -QY_ECORRUPT: not sealed with this key for this step of this journey. */
int secrets_open(const struct secret_key *key, uint32_t journey, const char *step, const char *sealed,
    char ret_secret[SECRET_BYTES_MAX + 1]);

#endif
