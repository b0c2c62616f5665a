/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_inflate.h"

#include "common/error.h"

#include <stdlib.h>
#include <strings.h>
#define ZLIB_CONST
#include <zlib.h>

/* JSON shrinks to a tenth, to a fiftieth when it repeats itself; deflate could do 1:1,032. Small bodies may
 * do as they like. */
#define RATIO_MOST 200
#define RATIO_FREE ((size_t)256 * 1024)

struct http_inflater {
    z_stream stream;
};

int http_inflater_open(struct http_inflater **ret_inflater)
{
    struct http_inflater *inflater = calloc(1, sizeof(*inflater));
    if (!inflater || inflateInit2(&inflater->stream, 15 + 16) != Z_OK) {
        free(inflater);
        return -QY_ENOMEM;
    }
    *ret_inflater = inflater;
    return 0;
}

void http_inflater_close(struct http_inflater **inflater)
{
    if (!*inflater)
        return;
    inflateEnd(&(*inflater)->stream);
    free(*inflater);
    *inflater = NULL;
}

enum http_coding http_coding_of(const char *content_encoding)
{
    if (!content_encoding || strcasecmp(content_encoding, "identity") == 0)
        return CODING_IDENTITY;
    if (strcasecmp(content_encoding, "gzip") == 0 || strcasecmp(content_encoding, "x-gzip") == 0)
        return CODING_GZIP;
    return strcasecmp(content_encoding, "deflate") == 0 ? CODING_DEFLATE : CODING_UNKNOWN;
}

static bool grows_too_much(size_t in, size_t out, size_t most)
{
    return out > most || (out > RATIO_FREE && out / RATIO_MOST > in);
}

/* Decodes until the room is used up or a member ends. */
static int inflate_some(z_stream *stream, struct buffer *out)
{
    size_t room = out->capacity - out->size - 1;
    stream->next_out = out->data + out->size;
    stream->avail_out = (uInt)room;
    int result = inflate(stream, Z_NO_FLUSH);
    out->size += room - stream->avail_out;
    return result;
}

int http_inflate(struct http_inflater *inflater, enum http_coding coding, struct bytes body, size_t most,
    struct http_memory *memory, struct buffer *ret_body)
{
    z_stream *stream = &inflater->stream;
    int window = coding == CODING_GZIP ? 15 + 16 : 15;
    if (body.size > UINT32_MAX / 2 || most > UINT32_MAX / 2)
        return -QY_ETOOLARGE;
    stream->next_in = body.data;
    stream->avail_in = (uInt)body.size;
    bool ended = true; /* before the first member as after each one */
    do {
        if (ended && inflateReset2(stream, window) != Z_OK)
            return -QY_ENOMEM;
        if (http_memory_grow(memory, ret_body, body.size < 4096 ? 4096 : body.size, 2 * most + 8192))
            return -QY_ENOMEM;
        int result = inflate_some(stream, ret_body);
        ended = result == Z_STREAM_END;
        if (grows_too_much(body.size, ret_body->size, most))
            return -QY_ETOOLARGE;
        if (result == Z_MEM_ERROR)
            return -QY_ENOMEM;
        if (result != Z_OK && result != Z_STREAM_END)
            return -QY_ECORRUPT;
        if (ended && stream->avail_in > 0 && coding != CODING_GZIP)
            return -QY_ECORRUPT;
    } while (!ended || stream->avail_in > 0);
    ret_body->data[ret_body->size] = 0;
    return 0;
}
