/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_key.h"

#include "common/authorization.h"
#include "common/clock.h"
#include "services/gateway/ingest_answer.h"
#include "services/gateway/write_key_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* -- where it stands -- */

/* Where no header states one. */
static bool find_key(struct http_request *request, yyjson_val *body, char key[INGEST_KEY_BYTES])
{
    yyjson_val *stated = yyjson_is_obj(body) ? yyjson_obj_get(body, "writeKey") : NULL;
    if (yyjson_is_str(stated) && yyjson_get_len(stated) > 0 && yyjson_get_len(stated) < INGEST_KEY_BYTES) {
        memcpy(key, yyjson_get_str(stated), yyjson_get_len(stated) + 1);
        return true;
    }
    return http_parameter(request, "writeKey", key, INGEST_KEY_BYTES) == 0 && key[0];
}

bool ingest_read_key(struct http_request *request, yyjson_val *body, char ret_key[INGEST_KEY_BYTES])
{
    return authorization_basic_user(http_header(request, "Authorization"), ret_key, INGEST_KEY_BYTES) ||
           find_key(request, body, ret_key);
}

/* -- where it comes from -- */

const char *ingest_origin_in(const char *url, char room[INGEST_ORIGIN_BYTES])
{
    const char *host = strstr(url, "://");
    size_t size = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
    if (size == 0 || size >= INGEST_ORIGIN_BYTES)
        return NULL;
    memcpy(room, url, size);
    room[size] = 0;
    return room;
}

/* Browsers say whether a page asks, also one that keeps its name to itself (referrerpolicy="no-referrer"). */
static bool is_of_a_page(struct http_request *request)
{
    const char *site = http_header(request, "Sec-Fetch-Site");
    return site && strcasecmp(site, "none") != 0;
}

const char *ingest_origin_of(struct http_request *request, char room[INGEST_ORIGIN_BYTES])
{
    const char *origin = http_header(request, "Origin");
    if (origin)
        return origin;
    const char *page = http_header(request, "Referer");
    origin = page ? ingest_origin_in(page, room) : NULL;
    return origin || !is_of_a_page(request) ? origin : "";
}

bool ingest_is_public(enum ingest_call call, const struct write_key *key, bool page)
{
    return call != CALL_IMPORT && (page || key->row->platform == QUANYU__WRITE_KEY__PLATFORM__BROWSER);
}

/* -- why not -- */

static const struct ingest_key_refusal refusals[] = {
    [KEY_UNKNOWN] = {401, "unknown_write_key", "writeKey",
        "a write key is required, as the user name of Basic authorization or as writeKey", 0},
    [KEY_REVOKED] = {401, "revoked_write_key", "writeKey", "this write key was revoked", 0},
    [KEY_EXPIRED] = {401, "expired_write_key", "writeKey", "this write key has expired", 0},
    [KEY_PAUSED] = {401, "paused_write_key", "writeKey", "this write key is paused", 0},
};

static bool refuse(
    struct ingest_key_refusal *refusal, int status, const char *kind, const char *field, const char *detail)
{
    *refusal = (struct ingest_key_refusal){.status = status, .kind = kind, .field = field, .detail = detail};
    return false;
}

const struct ingest_key_refusal *ingest_key_refusal_of(enum write_key_state state)
{
    return &refusals[state];
}

static bool is_in_force(
    struct gateway *gateway, const struct write_key_secret *secret, struct ingest_key_refusal *refusal)
{
    enum write_key_state state = write_key_secret_state(secret, gateway_now_ms(gateway));
    if (state != KEY_GOOD) {
        *refusal = refusals[state];
        return false;
    }
    return true;
}

bool ingest_check_key(struct gateway *gateway, struct ingest_thread *thread, const char *text,
    const struct write_key **ret_key, struct ingest_key_refusal *ret_refusal)
{
    ingest_thread_update(thread, gateway->write_keys);
    const struct write_key_secret *secret = ingest_thread_find(thread, text, NULL);
    if (!is_in_force(gateway, secret, ret_refusal))
        return false;
    *ret_key = secret->key;
    return true;
}

/* NULL: refused. */
static const struct write_key_secret *find(struct gateway *gateway, struct ingest_thread *thread,
    struct http_request *request, yyjson_val *body, struct ingest_key_refusal *refusal)
{
    char text[INGEST_KEY_BYTES];
    const char *header = http_header(request, "Authorization");
    ingest_thread_update(thread, gateway->write_keys);
    const struct write_key_secret *secret = header ? ingest_thread_known(thread, header) : NULL;
    if (!secret && authorization_basic_user(header, text, sizeof(text)))
        secret = ingest_thread_find(thread, text, header);
    else if (!secret && find_key(request, body, text))
        secret = ingest_thread_find(thread, text, NULL);
    return is_in_force(gateway, secret, refusal) ? secret : NULL;
}

static bool is_permitted(const struct write_key *key, struct http_request *request, enum ingest_call call,
    struct ingest_key_refusal *refusal)
{
    char room[INGEST_ORIGIN_BYTES];
    bool server = key->row->platform == QUANYU__WRITE_KEY__PLATFORM__SERVER;
    if ((server || key->row->n_allowed_origins) &&
        !write_key_allows_origin(key->row, ingest_origin_of(request, room)))
        return refuse(refusal, 403, "origin_not_allowed", "Origin",
            server ? "this write key is a server's: a page needs one of platform browser"
                   : "this write key may not be used by this page: see its allowed_origins");
    if (call == CALL_IMPORT && !key->row->may_import)
        return refuse(refusal, 403, "not_allowed", "import", "this write key may not import");
    return true;
}

/* -- rate -- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What is no call, or more than a call may hold, is refused for that. */
static size_t events_in(const struct gateway *gateway, yyjson_val *body, enum ingest_call call)
{
    if (call < CALL_BATCH)
        return 1;
    size_t size = yyjson_arr_size(yyjson_obj_get(body, "batch"));
    return size <= gateway->limits.batch_events ? size : 0;
}

static void add_number(struct http_request *request, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIi64, number);
    http_add_header(request, name, text);
}

static bool is_within_rate(const struct gateway *gateway, const struct write_key *key,
    struct http_request *request, size_t events, struct ingest_key_refusal *refusal)
{
    if (key->rate.per_second == 0 || events == 0)
        return true;
    struct rate_answer answer = rate_take(&key->use->bucket, &key->rate, events, now_ns());
    add_number(request, "X-RateLimit-Limit", answer.limit);
    add_number(request, "X-RateLimit-Remaining", answer.remaining);
    if (answer.taken)
        return true;
    metric_add(gateway->ingest.limited, 1);
    atomic_fetch_add_explicit(&key->use->limited, events, memory_order_relaxed);
    (void)refuse(
        refusal, 429, "rate_limited", NULL, "this write key sends more than its rate; try again later");
    refusal->wait_ms = (answer.wait_ns + 999999) / 1000000;
    return false;
}

bool ingest_admit(struct gateway *gateway, struct ingest_thread *thread, struct http_request *request,
    yyjson_val *body, enum ingest_call call, struct ingest_grant *grant,
    struct ingest_key_refusal *ret_refusal)
{
    const struct write_key_secret *secret = find(gateway, thread, request, body, ret_refusal);
    size_t events = events_in(gateway, body, call);
    if (!secret || !is_permitted(secret->key, request, call, ret_refusal) ||
        !(grant->paid || is_within_rate(gateway, secret->key, request, events, ret_refusal)))
        return false;
    *grant = (struct ingest_grant){.key = secret->key,
        .proof = write_key_proof_of(secret),
        .paid = true,
        .rate = secret->key->rate,
        .events = events};
    return true;
}

void ingest_answer_refusal(
    struct gateway *gateway, struct http_request *request, const struct ingest_key_refusal *refusal)
{
    if (refusal->status == 429) {
        /* SDKs take the first for seconds from now and the second for milliseconds since 1970. */
        add_number(request, "Retry-After", (refusal->wait_ms + 999) / 1000);
        add_number(request, "X-RateLimit-Reset", clock_wall_ms() + refusal->wait_ms);
    }
    ingest_answer_problem(
        gateway, request, refusal->status, refusal->kind, refusal->field, "%s", refusal->detail);
}
