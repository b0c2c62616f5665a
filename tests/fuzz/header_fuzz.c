/* SPDX-License-Identifier: Apache-2.0 */
/* A header's value, whatever it is, read as each of those that say who asks and what for: Cookie, Authorization, If-Match, Referer.
 * What is found is what a slower look finds, stays so beside others, and is found again where it is written anew. */
#include "common/authorization.h"
#include "services/gateway/api_access.h"
#include "services/gateway/ingest_key.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOM 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
    if (!promise)
        abort();
}

/* -- Cookie -- */

/* Pair by pair: the first one that is of this name. */
static bool slow_cookie(const char *header, char *value, size_t size)
{
    char *copy = strdup(header), *rest = NULL;
    bool fits = true;
    check(copy != NULL);
    *value = '\0';
    for (char *pair = strtok_r(copy, ";", &rest); pair; pair = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(pair += strspn(pair, " "), '=');
        if (!equals || (size_t)(equals - pair) != strlen(SESSION_COOKIE) ||
            memcmp(pair, SESSION_COOKIE, strlen(SESSION_COOKIE)) != 0)
            continue;
        fits = strlen(equals + 1) < size;
        if (fits)
            memcpy(value, equals + 1, strlen(equals + 1) + 1);
        break;
    }
    free(copy);
    return fits;
}

static void check_cookie(const char *header)
{
    char value[SECRET_TEXT_BYTES], again[SECRET_TEXT_BYTES], longer[ROOM + 128];
    bool fits = api_cookie(header, SESSION_COOKIE, value, sizeof(value));
    check(slow_cookie(header, again, sizeof(again)) == fits && strcmp(value, again) == 0);
    check(strlen(value) < sizeof(value) && !strchr(value, ';'));
    snprintf(longer, sizeof(longer), "a=%s; %s", SESSION_COOKIE, header);
    check(api_cookie(longer, SESSION_COOKIE, again, sizeof(again)) == fits && strcmp(value, again) == 0);
    if (strchr(header, ';') || strlen(header) >= sizeof(value))
        return;
    snprintf(longer, sizeof(longer), "a=1;%s=%s;%s=2", SESSION_COOKIE, header, SESSION_COOKIE);
    check(api_cookie(longer, SESSION_COOKIE, again, sizeof(again)) && strcmp(header, again) == 0);
}

/* -- Authorization -- */

static void check_bearer(const char *header)
{
    char longer[ROOM + 128];
    const char *token = authorization_bearer(header);
    check((token != NULL) == (strncasecmp(header, "Bearer ", 7) == 0));
    if (!token)
        return;
    check(token >= header + 7 && token <= header + strlen(header) && *token != ' ');
    snprintf(longer, sizeof(longer), "bEARER   %s", token);
    check(strcmp(authorization_bearer(longer), token) == 0);
}

static void check_basic(const char *header)
{
    char user[INGEST_KEY_BYTES], again[INGEST_KEY_BYTES], text[2 * INGEST_KEY_BYTES] = "Basic ";
    if (!authorization_basic_user(header, user, sizeof(user)))
        return;
    check(
        strncasecmp(header, "Basic ", 6) == 0 && *user && strlen(user) < sizeof(user) && !strchr(user, ':'));
    sodium_bin2base64(
        text + 6, sizeof(text) - 6, (const uint8_t *)user, strlen(user), sodium_base64_VARIANT_ORIGINAL);
    check(authorization_basic_user(text, again, sizeof(again)) && strcmp(user, again) == 0);
}

/* -- If-Match, Referer -- */

static void check_version(const char *header)
{
    uint64_t version, again;
    char tag[24];
    if (!api_version_of_tag(header, &version))
        return;
    snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", version);
    check(api_version_of_tag(tag, &again) && again == version);
}

static void check_origin(const char *header)
{
    char room[INGEST_ORIGIN_BYTES], again[INGEST_ORIGIN_BYTES];
    const char *origin = ingest_origin_in(header, room);
    if (!origin)
        return;
    check(strlen(origin) < sizeof(room) && strncmp(origin, header, strlen(origin)) == 0);
    const char *host = strstr(origin, "://");
    check(host && !strpbrk(host + 3, "/?#"));
    check(ingest_origin_in(origin, again) && strcmp(origin, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= ROOM)
        return 0;
    char *header = strndup((const char *)data, size);
    check(header != NULL);
    check_cookie(header);
    check_bearer(header);
    check_basic(header);
    check_version(header);
    check_origin(header);
    free(header);
    return 0;
}
