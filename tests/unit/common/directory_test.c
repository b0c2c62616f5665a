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

static void assert_holds(const char *path, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(found, 1, sizeof(found) - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(found, text);
}

static void a_file_is_replaced_whole_whatever_a_crash_left(void **state)
{
    char path[512], left[512];
    struct stat status;
    make_file(scratch_join(state, &left, "file.new"));
    assert_int_equal(chmod(left, 0666), 0);
    assert_int_equal(directory_replace_file(scratch_join(state, &path, "file"), "one", 3), 0);
    assert_holds(path, "one");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(directory_replace_file(path, "another", 7), 0);
    assert_holds(path, "another");
    assert_int_not_equal(access(left, F_OK), 0);
    assert_int_equal(directory_replace_file(scratch_join(state, &path, "none/file"), "x", 1), -QY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_directory_is_made_with_what_is_above_it),
        scratch_test(a_file_in_the_way_is_refused),
        scratch_test(removing_takes_the_files_along),
        scratch_test(removing_does_not_go_deeper),
        scratch_test(a_file_is_replaced_whole_whatever_a_crash_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
