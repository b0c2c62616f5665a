/* SPDX-License-Identifier: Apache-2.0 */
/* The write key of an ingestion call, wherever the protocol lets it stand, and whether the call is taken with it. */
#ifndef QY_GATEWAY_INGEST_KEY_H
#define QY_GATEWAY_INGEST_KEY_H

#include "services/gateway/gateway.h"
#include "services/gateway/ingest_parse.h"
#include "services/gateway/ingest_thread.h"

#define INGEST_KEY_BYTES 128

/* Why a call is refused for its key, as a whole. */
struct ingest_key_refusal {
    int status; /* 401, 403, 429 */
    const char *kind;
    const char *field;
    const char *detail;
    int64_t wait_ms; /* 429: it can be taken after so long */
};

/* With what a call is admitted. */
struct ingest_grant {
    const struct write_key *key; /* the thread's until its next call */
    struct write_key_proof proof;
    bool paid;              /* stated by the caller: its events were taken from the rate limit before */
    struct rate_limit rate; /* by which `events` were taken */
    size_t events;
};

/* The key that a request states, in force or not: in its Authorization header, its body (may be NULL) or its query.
 * False when it states none. */
bool ingest_read_key(struct http_request *request, yyjson_val *body, char ret_key[INGEST_KEY_BYTES]);
/* Whether a key with that text is in force; it is the thread's until its next call. */
bool ingest_check_key(struct gateway *gateway, struct ingest_thread *thread, const char *text,
    const struct write_key **ret_key, struct ingest_key_refusal *ret_refusal);

/* Finds the key (`body` may be NULL) and looks at whether it is in force, may be used by that page, may make that call, and
 * has room for so many events; takes them from its rate limit where the grant does not say that they are paid. */
bool ingest_admit(struct gateway *gateway, struct ingest_thread *thread, struct http_request *request,
    yyjson_val *body, enum ingest_call call, struct ingest_grant *grant,
    struct ingest_key_refusal *ret_refusal);
/* Why a call is refused whose key is in that state, which is neither KEY_GOOD nor KEY_CHANGED. */
const struct ingest_key_refusal *ingest_key_refusal_of(enum write_key_state state);
/* Answers with it. */
void ingest_answer_refusal(
    struct gateway *gateway, struct http_request *request, const struct ingest_key_refusal *refusal);

/* The page that a request comes from: its Origin, else that of its Referer; "" where a browser says that it comes from one and
 * not from which; NULL where it is no page's, as far as can be told. */
#define INGEST_ORIGIN_BYTES 256
const char *ingest_origin_of(struct http_request *request, char room[INGEST_ORIGIN_BYTES]);
/* The origin of a URL: as far as its path. NULL where it has none, or one that does not fit. */
const char *ingest_origin_in(const char *url, char room[INGEST_ORIGIN_BYTES]);

/* Whether what a call with that key says of itself is worth nothing: everybody can read a browser's key, and call as its page does.
 * What is imported is the brand's own. `page`: it comes from one. */
bool ingest_is_public(enum ingest_call call, const struct write_key *key, bool page);

#endif
