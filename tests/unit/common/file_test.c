/* SPDX-License-Identifier: Apache-2.0 */
/* A copy is whole or not there, and two files are the same where all their bytes are. */
#include "common/directory.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/unit/common/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BYTES 2500000u /* more than two pieces */

static void make(const char *path, unsigned seed, size_t size)
{
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + seed + i / 251);
    assert_int_equal(directory_replace_file(path, data, size), 0);
    free(data);
}

static void a_copy_is_the_same(void **state)
{
    char one[512], two[512];
    struct file_content copied, read, same_content;
    struct stat status;
    bool same;
    scratch_join(state, &one, "one");
    scratch_join(state, &two, "two");
    for (size_t size = 0; size <= BYTES; size += size ? size : 1) {
        make(one, 3, size);
        assert_int_equal(file_copy(one, two, 0, &copied), 0);
        assert_int_equal(stat(two, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(file_read(two, &read), 0);
        assert_int_equal(file_same(one, two, &same, &same_content), 0);
        assert_true(same);
        assert_int_equal(read.bytes, size);
        assert_memory_equal(&copied, &read, sizeof(read));
        assert_memory_equal(&same_content, &read, sizeof(read));
    }
}

static void any_byte_makes_another_file(void **state)
{
    char one[512], two[512];
    struct file_content content, before = {.bytes = 1};
    bool same;
    scratch_join(state, &one, "one");
    scratch_join(state, &two, "two");
    make(one, 3, BYTES);
    assert_int_equal(file_copy(one, two, 0, &content), 0);
    for (unsigned i = 0; i < 20; i++) {
        off_t at = (off_t)((unsigned)random() % BYTES);
        int fd = open(two, O_RDWR);
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        content = before;
        assert_int_equal(file_same(one, two, &same, &content), 0);
        assert_false(same);
        assert_int_equal(content.bytes, 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    assert_int_equal(truncate(two, BYTES - 1), 0);
    assert_int_equal(file_same(one, two, &same, &content), 0);
    assert_false(same);
    assert_int_equal(unlink(two), 0);
    assert_int_equal(file_same(one, two, &same, &content), 0);
    assert_false(same);
    assert_int_equal(file_same(two, one, &same, &content), -QY_ENOTFOUND);
    assert_int_equal(file_copy(two, one, 0, &content), -QY_ENOTFOUND);
    assert_int_equal(file_read(two, &content), -QY_ENOTFOUND);
}

static void nothing_is_left_of_a_copy_that_would_take_what_is_reserved(void **state)
{
    char one[512], two[512];
    struct file_content content;
    struct statvfs system;
    scratch_join(state, &one, "one");
    scratch_join(state, &two, "two");
    make(one, 3, BYTES);
    make(two, 4, 10);
    assert_int_equal(statvfs(scratch_path(state), &system), 0);
    uint64_t all = (uint64_t)system.f_blocks * system.f_frsize;
    assert_int_equal(file_copy(one, two, all, &content), -QY_EFULL);
    assert_int_equal(file_read(two, &content), 0);
    assert_int_equal(content.bytes, 10); /* what was there before */
    scratch_join(state, &one, "two.next");
    assert_int_equal(access(one, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_copy_is_the_same),
        scratch_test(any_byte_makes_another_file),
        scratch_test(nothing_is_left_of_a_copy_that_would_take_what_is_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
