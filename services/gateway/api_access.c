/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/api_access.h"

#include "common/authorization.h"
#include "services/gateway/organisation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

/* -- the secret -- */

bool api_cookie(const char *header, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    *value = '\0';
    for (const char *at = header; *at;) {
        at += strspn(at, " ;");
        size_t pair = strcspn(at, ";");
        if (pair > length && strncmp(at, name, length) == 0 && at[length] == '=') {
            size_t bytes = pair - length - 1;
            if (bytes >= size)
                return false;
            memcpy(value, at + length + 1, bytes);
            value[bytes] = '\0';
            return true;
        }
        at += pair;
    }
    return true;
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

struct secret {
    uint8_t hash[SECRET_HASH_BYTES];
    bool cookie;
};

static bool find_secret(struct http_request *request, struct secret *ret_secret)
{
    char value[SECRET_TEXT_BYTES];
    const char *header = http_header(request, "Authorization");
    const char *cookies = http_header(request, "Cookie");
    if (header) {
        const char *token = authorization_bearer(header);
        if (!token)
            return false;
        secret_hash(token, strlen(token), ret_secret->hash);
        return true;
    }
    if (!cookies || !api_cookie(cookies, SESSION_COOKIE, value, sizeof(value)) || !*value)
        return false;
    secret_hash(value, strlen(value), ret_secret->hash);
    ret_secret->cookie = true;
    return true;
}

/* -- when it was used -- */

struct touch {
    struct work work;
    uint8_t hash[SECRET_HASH_BYTES];
    int64_t now_ms;
};

static int apply_touch(struct work *work, struct batch *batch)
{
    const struct touch *touch = (const struct touch *)work;
    Quanyu__Credential *credential = credential_get(batch->txn, touch->hash, NULL);
    if (!credential)
        return 0;
    if (credential->used_ms < touch->now_ms) {
        credential->used_ms = touch->now_ms;
        credential_put(batch->txn, touch->hash, credential);
    }
    quanyu__credential__free_unpacked(credential, NULL);
    return 0;
}

static void end_touch(struct work *work, int result)
{
    (void)result;
    free(work);
}

/* Not each use is written: a session's about ten times within what it may be idle, a token's once an hour. What cannot be written now
 * is by a later use. */
static void touch(struct gateway *gateway, const struct access *access)
{
    int64_t now_ms = gateway_now_ms(gateway);
    bool session = access->kind == QUANYU__CREDENTIAL__KIND__SESSION;
    if (access->used_ms && now_ms - access->used_ms < (session ? gateway->session_idle_ms / 10 : HOUR_MS))
        return;
    struct touch *touch = calloc(1, sizeof(*touch));
    if (!touch)
        return;
    touch->work = (struct work){.bytes = sizeof(*touch), .apply = apply_touch, .done = end_touch};
    touch->now_ms = now_ms;
    memcpy(touch->hash, access->hash, SECRET_HASH_BYTES);
    if (service_submit(gateway->service, &touch->work))
        free(touch);
}

/* -- rights -- */

static bool is_allowed(const struct api_operation *operation, const struct access *access)
{
    bool sees = !operation->persons || permission_in(access->permissions, PERMISSION_PERSON_READ);
    return sees && permission_in(access->permissions, operation->permission) &&
           (operation->scope != SCOPE_BRAND || access_is_whole(access));
}

/* Counted, and not on record each: whoever can reach the port could fill the log. */
static int refuse_stranger(struct gateway *gateway, struct http_request *request)
{
    metric_add(gateway->called.strangers, 1);
    http_add_header(request, "WWW-Authenticate", "Bearer");
    http_problem(request, 401, "unauthorized", NULL, "a valid token is required: Authorization: Bearer …");
    return -QY_EUNAUTHENTIC;
}

int api_authorise(struct gateway *gateway, struct http_request *request,
    const struct api_operation *operation, struct access *ret_access, int *ret_refused)
{
    struct secret secret = {.cookie = false};
    *ret_refused = 0;
    if (operation->about.open)
        return 0;
    if (!find_secret(request, &secret))
        return refuse_stranger(gateway, request);
    int error = access_look(gateway, secret.hash, ret_access);
    if (error == -QY_EUNAUTHENTIC)
        return refuse_stranger(gateway, request);
    if (error) {
        http_problem(request, http_status_of(error), "unavailable", NULL, "%s", error_text(error));
        return error;
    }
    if (secret.cookie && !is_safe(http_method(request)) && !http_header(request, SESSION_HEADER))
        *ret_refused = -QY_EDENIED;
    else if (!is_allowed(operation, ret_access))
        *ret_refused = -QY_ENOTFOUND;
    else
        touch(gateway, ret_access);
    return 0;
}

int api_refuse_access(struct api_call *call, int refused)
{
    call->hidden = refused == -QY_ENOTFOUND;
    if (!call->hidden)
        (void)api_refuse(call, refused, SESSION_HEADER,
            "what changes something with a session's cookie must bear this header, whatever it holds");
    return api_record_refusal(call, refused);
}

static int refuse_changed(struct api_call *call)
{
    return api_refuse(call, -QY_EUNAVAILABLE, NULL, "what you may see has just changed; ask again");
}

static int compare(struct api_call *call, const struct access *now)
{
    call->hidden = !is_allowed(call->operation, now);
    if (call->hidden)
        return -QY_ENOTFOUND;
    return access_equal(&call->access, now) ? 0 : refuse_changed(call);
}

/* A unit that has gone elsewhere took along what was found out of it. Who has made the move sees what came of it. */
static bool has_lost(const struct api_call *call)
{
    return !access_covers_all_units(&call->access) && !call->access_ended &&
           organisation_lost(call->gateway, call->access.unit) != call->lost;
}

int api_check_in(struct api_call *call, struct store_txn *txn)
{
    struct access now;
    if (!call->access.staff)
        return 0;
    int error = access_read(call->gateway, txn, call->access.hash, gateway_now_ms(call->gateway), &now);
    return error ? error : compare(call, &now);
}

int api_check_again(struct api_call *call)
{
    struct access now;
    uint64_t epoch = atomic_load(&call->gateway->access_epoch);
    if (!call->access.staff || call->access_ended)
        return 0;
    if (has_lost(call))
        return refuse_changed(call);
    if (call->access_epoch == epoch)
        return 0;
    int error = access_look(call->gateway, call->access.hash, &now);
    if (error == -QY_EUNAUTHENTIC)
        return api_refuse(call, error, NULL, "what it was asked with has just been revoked");
    if (!error)
        error = compare(call, &now);
    if (!error)
        call->access_epoch = epoch;
    return error;
}
