/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into requests, one at a time, with no socket in sight.
 *
 * llhttp (strict) reads header fields and bodies; the request line is checked here before llhttp sees it,
 * because llhttp takes what an edge must refuse (two blanks, RTSP/1.0, HTTP/0.9). All that a request keeps is
 * copied, so the caller's bytes need not live on. Memory is bounded by the limits, and by `memory` over all
 * parsers that share it. */
#ifndef QY_COMMON_HTTP_PARSER_H
#define QY_COMMON_HTTP_PARSER_H

#include "common/buffer.h"
#include "common/http_memory.h"

#include <llhttp.h>

#define HTTP_FIELDS_MAX 100

struct http_limits {
    size_t max_header_bytes; /* of the whole head, as sent; also of chunk extensions and trailers */
    size_t max_body_bytes;
    struct http_memory *memory; /* what bodies may take in all; NULL: no limit */
};

/* Offsets into the parser's text, where each name and value ends in a NUL. */
struct http_field {
    uint32_t name;
    uint32_t value;
    uint32_t name_size;
};

/* Fields that the server itself looks at. Each may stand in a request once at most. */
enum http_known {
    KNOWN_HOST,
    KNOWN_CONTENT_LENGTH,
    KNOWN_TRANSFER_ENCODING,
    KNOWN_CONTENT_ENCODING,
    KNOWN_CONTENT_TYPE,
    KNOWN_EXPECT,
    KNOWN_AUTHORIZATION,
    KNOWN_REQUEST_ID,
    KNOWN_COUNT,
};

struct http_parser {
    llhttp_t llhttp;
    const struct http_limits *limits;
    struct buffer text; /* the request line, then names and values */
    size_t line_size;   /* of the request line with its CRLF; 0 while it is not whole */
    size_t path;        /* offsets into text; 0 while they are not known. Of a line that is refused, the path
                           as far as it was read, escapes and all */
    size_t query;
    struct http_field fields[HTTP_FIELDS_MAX];
    unsigned field_count;
    int known[KNOWN_COUNT]; /* index into fields, -1 when absent */
    struct buffer body;     /* a NUL follows that is not counted */
    size_t head_used;       /* bytes of the head so far */
    size_t framing_used;    /* bytes of the body that are not content */
    bool empty_line;        /* one was skipped before the request line */
    bool head_whole;
    bool whole;
    bool keep_alive;
    bool expects_continue; /* until the caller has been told */
    int status;            /* why it was refused: 4xx or 5xx */
    const char *fault;     /* in words, static */
};

enum http_step {
    HTTP_STEP_MORE,     /* all bytes were used, the request is not whole */
    HTTP_STEP_CONTINUE, /* the head is whole and the client waits for "100 Continue"; feed the rest afterwards
                         */
    HTTP_STEP_REQUEST,  /* the request is whole; bytes after it were not used. Reset before feeding on */
    HTTP_STEP_REFUSED,  /* see status and fault; where the next request would begin is not known */
};

void http_parser_open(struct http_parser *parser, const struct http_limits *limits);
void http_parser_close(struct http_parser *parser);
/* Forgets the request and waits for the next one; small buffers are kept. */
void http_parser_reset(struct http_parser *parser);
/* True between the first byte of a request and http_parser_reset(). */
bool http_parser_has_begun(const struct http_parser *parser);

enum http_step http_parser_feed(
    struct http_parser *parser, const uint8_t *data, size_t size, size_t *ret_used);
/* Where the next bytes of the body would be put in the end, so that a caller can read them from the socket
 * right there and feed them without a copy: room for `least` bytes, 1 or more, or for more. NULL unless as many
 * of a body of known length are still to come. */
uint8_t *http_parser_room(struct http_parser *parser, size_t least, size_t *ret_size);

/* Text of a known field, NULL when absent. */
const char *http_parser_known(const struct http_parser *parser, enum http_known known);
const char *http_parser_field(const struct http_parser *parser, const char *name);
/* The last field of that name among the first `before`, which becomes its place: begin with field_count. */
const char *http_parser_field_before(const struct http_parser *parser, const char *name, unsigned *before);
const char *http_parser_method(const struct http_parser *parser); /* "" before the request line is whole */
static inline const char *http_parser_text(const struct http_parser *parser, size_t offset)
{
    return (const char *)parser->text.data + offset;
}

#endif
