/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler sees of a request. */
#include "common/error.h"
#include "common/http_internal.h"
#include "common/http_target.h"
#include "common/looks.h"

#include <string.h>
#include <sys/random.h>

const char *http_method(const struct http_request *request)
{
    return http_parser_method(&connection_of(request)->parser);
}

const char *http_path(const struct http_request *request)
{
    const struct http_parser *parser = &connection_of(request)->parser;
    return http_parser_text(parser, parser->path);
}

const char *http_query(const struct http_request *request)
{
    const struct http_parser *parser = &connection_of(request)->parser;
    return http_parser_text(parser, parser->query);
}

int http_parameter(const struct http_request *request, const char *name, char *value, size_t size)
{
    return http_query_parameter(http_query(request), name, value, size);
}

const char *http_header(const struct http_request *request, const char *name)
{
    return http_parser_field(&connection_of(request)->parser, name);
}

struct bytes http_body(const struct http_request *request)
{
    const struct buffer *body =
        request->is_decoded ? &request->decoded : &connection_of(request)->parser.body;
    if (body->size == 0)
        return (struct bytes){(const uint8_t *)"", 0};
    return (struct bytes){body->data, body->size};
}

const char *http_peer(const struct http_request *request)
{
    return request->client[0] ? request->client : connection_of(request)->peer;
}

const char *http_scheme(const struct http_request *request)
{
    const struct http_connection *connection = connection_of(request);
    const struct http_parser *parser = &connection->parser;
    unsigned before = parser->field_count;
    const char *field =
        connection->trusted ? http_parser_field_before(parser, "X-Forwarded-Proto", &before) : NULL;
    const char *stated = field ? proxy_scheme(field) : NULL;
    if (stated)
        return stated;
    return connection->secure ? "https" : "http";
}

const char *http_request_id(const struct http_request *request)
{
    return request->id;
}

double http_received(const struct http_request *request)
{
    return request->received;
}

/* Each proxy adds an entry to the last field, or a field behind it. */
void http_request_locate(struct http_request *request)
{
    const struct http_connection *connection = connection_of(request);
    const struct proxies *trusted = &connection->thread->server->options.trusted;
    struct in6_addr client = connection->address;
    unsigned before = connection->parser.field_count;
    for (bool more = connection->trusted; more;) {
        const char *field = http_parser_field_before(&connection->parser, "X-Forwarded-For", &before);
        more = field && proxies_walk(trusted, field, &client);
    }
    if (connection->trusted)
        proxy_address_write(&client, request->client);
}

/* -- ids -- */

/* It goes into logs and records: a mere number that somebody could be called at is not taken. */
static bool is_usable_id(const char *text)
{
    size_t size = strlen(text);
    bool number = strspn(text, "0123456789._-") == size;
    return size >= 1 && size <= HTTP_ID_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == size &&
           !(number && looks_like_number(text, size));
}

/* 128 bits that no other request has; they need not be secret, so a generator of a few nanoseconds will do
 * (splitmix64 on two lanes, seeded by the system). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void make_id(char id[HTTP_ID_MAX + 1])
{
    static _Thread_local uint64_t lanes[2];
    static const char digits[] = "0123456789abcdef";
    while (lanes[0] == 0 && getrandom(lanes, sizeof(lanes), 0) != (ssize_t)sizeof(lanes))
        continue;
    for (int lane = 0; lane < 2; lane++) {
        uint64_t bits = next_random(&lanes[lane]);
        for (int i = 0; i < 16; i++, bits >>= 4)
            *id++ = digits[bits & 15];
    }
    *id = 0;
}

void http_request_identify(struct http_request *request, const char *wanted)
{
    if (wanted && is_usable_id(wanted))
        memcpy(request->id, wanted, strlen(wanted) + 1);
    else
        make_id(request->id);
}
