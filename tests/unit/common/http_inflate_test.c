/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_inflate.h"

#include "common/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

static void compress_into(struct buffer *out, const void *data, size_t size, int window)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong bound = deflateBound(&stream, size);
    stream.next_in = data;
    stream.avail_in = (uInt)size;
    stream.next_out = buffer_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->size += stream.total_out;
    deflateEnd(&stream);
}

static int decode(enum http_coding coding, const struct buffer *body, size_t most, struct buffer *decoded)
{
    struct http_inflater *inflater = NULL;
    assert_int_equal(http_inflater_open(&inflater), 0);
    int result = http_inflate(inflater, coding, (struct bytes){body->data, body->size}, most, NULL, decoded);
    http_inflater_close(&inflater);
    return result;
}

static void codings_have_names(void **state)
{
    (void)state;
    assert_int_equal(http_coding_of(NULL), CODING_IDENTITY);
    assert_int_equal(http_coding_of("Identity"), CODING_IDENTITY);
    assert_int_equal(http_coding_of("GZIP"), CODING_GZIP);
    assert_int_equal(http_coding_of("x-gzip"), CODING_GZIP);
    assert_int_equal(http_coding_of("deflate"), CODING_DEFLATE);
    assert_int_equal(http_coding_of("br"), CODING_UNKNOWN);
    assert_int_equal(http_coding_of("gzip, gzip"), CODING_UNKNOWN);
}

static void sizes_around_every_boundary_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 4097, 65535, 65536, 300000};
    uint8_t *data = malloc(300000);
    for (size_t i = 0; i < 300000; i++)
        data[i] = (uint8_t)(i * i >> 7);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
        _cleanup_(buffer_free) struct buffer decoded = BUFFER_INIT;
        compress_into(&body, data, sizes[i], 15 + 16);
        assert_int_equal(decode(CODING_GZIP, &body, 300000, &decoded), 0);
        assert_int_equal(decoded.size, sizes[i]);
        assert_true(memcmp(decoded.data, data, sizes[i]) == 0);
        assert_int_equal(decoded.data[decoded.size], 0);
    }
    free(data);
}

static void cut_anywhere_it_is_damaged(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    compress_into(&body, "some text that is long enough", 29, 15 + 16);
    for (size_t size = body.size; size-- > 0;) {
        _cleanup_(buffer_free) struct buffer decoded = BUFFER_INIT;
        body.size = size;
        assert_int_equal(decode(CODING_GZIP, &body, 1000, &decoded), -QY_ECORRUPT);
    }
}

static void size_limit_is_exact(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer fits = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer grows = BUFFER_INIT;
    compress_into(&body, "0123456789", 10, 15);
    assert_int_equal(decode(CODING_DEFLATE, &body, 10, &fits), 0);
    assert_int_equal(decode(CODING_DEFLATE, &body, 9, &grows), -QY_ETOOLARGE);
}

static void memory_is_asked_for_and_given_back(void **state)
{
    (void)state;
    struct http_memory memory = {.most = 100000};
    struct http_inflater *inflater = NULL;
    uint8_t *zeros = calloc(1, 200000);
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    struct buffer decoded = BUFFER_INIT;
    compress_into(&body, zeros, 200000, 15 + 16);
    assert_int_equal(http_inflater_open(&inflater), 0);
    struct bytes bytes = {body.data, body.size};
    assert_int_equal(http_inflate(inflater, CODING_GZIP, bytes, 1000000, &memory, &decoded), -QY_ENOMEM);
    http_memory_free(&memory, &decoded);
    assert_int_equal(memory.held, 0);
    memory.most = 1000000;
    assert_int_equal(http_inflate(inflater, CODING_GZIP, bytes, 1000000, &memory, &decoded), 0);
    assert_true(memory.held > 200000);
    http_memory_free(&memory, &decoded);
    assert_int_equal(memory.held, 0);
    http_inflater_close(&inflater);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings_have_names),
        cmocka_unit_test(sizes_around_every_boundary_come_back),
        cmocka_unit_test(cut_anywhere_it_is_damaged),
        cmocka_unit_test(size_limit_is_exact),
        cmocka_unit_test(memory_is_asked_for_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
