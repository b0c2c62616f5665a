/* SPDX-License-Identifier: Apache-2.0 */
#include "common/directory.h"

#include "common/error.h"
#include "tests/unit/common/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void a_directory_is_made_with_what_is_above_it(void **state)
{
    char path[512];
    scratch_join(state, &path, "a/b/c");
    assert_int_equal(directory_make(path), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(directory_make(path), 0);
    assert_int_equal(directory_sync(path), 0);
    assert_int_equal(directory_sync_parent(path), 0);
}

static void a_file_in_the_way_is_refused(void **state)
{
    char path[512], below[512];
    make_file(scratch_join(state, &path, "file"));
    assert_int_equal(directory_make(path), -QY_EINVAL);
    assert_true(directory_make(scratch_join(state, &below, "file/below")) < 0);
    assert_int_equal(directory_make(""), -QY_EINVAL);
}

static void removing_takes_the_files_along(void **state)
{
    char path[512], file[512];
    assert_int_equal(directory_make(scratch_join(state, &path, "a")), 0);
    make_file(scratch_join(state, &file, "a/one"));
    make_file(scratch_join(state, &file, "a/two"));
    assert_int_equal(directory_remove(path), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(directory_remove(path), 0);
}

static void removing_does_not_go_deeper(void **state)
{
    char path[512], below[512];
    assert_int_equal(directory_make(scratch_join(state, &below, "a/b")), 0);
    assert_true(directory_remove(scratch_join(state, &path, "a")) < 0);
    assert_int_equal(access(below, F_OK), 0);
    assert_int_equal(directory_sync(scratch_join(state, &path, "none")), -QY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_directory_is_made_with_what_is_above_it),
        scratch_test(a_file_in_the_way_is_refused),
        scratch_test(removing_takes_the_files_along),
        scratch_test(removing_does_not_go_deeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
