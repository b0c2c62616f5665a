/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest is read as it was written, or not at all; and any file that is not what it says is told. */
#include "services/audit/backup_manifest.h"

#include "common/directory.h"
#include "common/error.h"
#include "tests/unit/common/scratch.h"

#define FILES 300u

static unsigned told;

static void count_problem(void *self, const char *text)
{
    (void)self;
    assert_non_null(text);
    told++;
}

static void make_file(void **state, const char *name, unsigned seed, struct file_content *ret_content)
{
    char path[512], text[64];
    int size = snprintf(text, sizeof(text), "content %u", seed);
    scratch_join(state, &path, name);
    assert_int_equal(directory_replace_file(path, text, (size_t)size), 0);
    assert_int_equal(file_read(path, ret_content), 0);
}

static struct manifest *make(void **state)
{
    struct manifest *manifest;
    struct file_content content;
    char name[32];
    assert_int_equal(manifest_open(&manifest), 0);
    manifest->origin = "example.com/log";
    manifest->checkpoint = "example.com/log\n5\nroot\n\nline\n";
    manifest->size = UINT64_C(1) << 40;
    manifest->taken_ms = INT64_C(1767225600123);
    manifest->with_key = true;
    memset(&manifest->root, 7, sizeof(manifest->root));
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "file-%u", i);
        make_file(state, name, i, &content);
        assert_int_equal(manifest_add(manifest, name, &content), 0);
    }
    assert_int_equal(manifest_write(manifest, scratch_path(state)), 0);
    return manifest;
}

static void it_is_read_as_it_was_written(void **state)
{
    struct manifest *made = make(state), *read;
    uint64_t problems;
    assert_int_equal(manifest_read(scratch_path(state), &read), 0);
    assert_string_equal(read->origin, made->origin);
    assert_string_equal(read->checkpoint, made->checkpoint);
    assert_true(read->size == made->size && read->taken_ms == made->taken_ms && read->with_key);
    assert_memory_equal(&read->root, &made->root, sizeof(read->root));
    assert_int_equal(read->count, FILES);
    for (size_t i = 0; i < FILES; i++) {
        assert_string_equal(read->files[i].name, made->files[i].name);
        assert_memory_equal(&read->files[i].content, &made->files[i].content, sizeof(struct file_content));
    }
    assert_ptr_equal(manifest_find(read, "file-17"), &read->files[17]);
    assert_null(manifest_find(read, "file-1700"));
    told = 0;
    assert_int_equal(manifest_check(read, scratch_path(state), count_problem, NULL, &problems), 0);
    assert_true(problems == 0 && told == 0);
    manifest_close(&read);
    manifest_close(&made);
}

static void files_that_are_others_are_told(void **state)
{
    struct manifest *manifest = make(state);
    struct file_content content;
    char path[512];
    uint64_t problems;
    make_file(state, "file-3", 4, &content);
    make_file(state, "file-4", 40, &content);
    scratch_join(state, &path, "file-5");
    assert_int_equal(unlink(path), 0);
    told = 0;
    assert_int_equal(manifest_check(manifest, scratch_path(state), count_problem, NULL, &problems), 0);
    assert_true(problems == 3 && told == 3);
    manifest_close(&manifest);
}

static void replace(void **state, const char *text)
{
    char path[512];
    scratch_join(state, &path, MANIFEST_NAME);
    assert_int_equal(directory_replace_file(path, text, strlen(text)), 0);
}

static void what_is_none_is_refused(void **state)
{
#define HASH "\"0000000000000000000000000000000000000000000000000000000000000000\""
#define HEAD                                                                                                 \
    "{\"format\":\"quanyu audit backup\",\"origin\":\"o\",\"checkpoint\":\"c\",\"root\":" HASH ",\"size\":"  \
    "1,"
    static const char *const texts[] = {"", "{", "[]", "{}", HEAD "\"version\":1}",
        HEAD "\"version\":1,\"files\":[]}", HEAD "\"version\":1,\"files\":[{\"name\":\"x\"}]}",
        HEAD "\"version\":1,\"files\":[{\"name\":\"../x\",\"bytes\":1,\"sha256\":" HASH "}]}",
        HEAD "\"version\":1,\"files\":[{\"name\":\"/x\",\"bytes\":1,\"sha256\":" HASH "}]}",
        HEAD "\"version\":1,\"files\":[{\"name\":\"x\",\"bytes\":1,\"sha256\":\"00\"}]}"};
    struct manifest *manifest = NULL;
    assert_int_equal(manifest_read(scratch_path(state), &manifest), -QY_ENOTFOUND);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        replace(state, texts[i]);
        assert_int_equal(manifest_read(scratch_path(state), &manifest), -QY_ECORRUPT);
    }
    replace(state, HEAD "\"version\":2,\"files\":[{\"name\":\"x\",\"bytes\":1,\"sha256\":" HASH "}]}");
    assert_int_equal(manifest_read(scratch_path(state), &manifest), -QY_EVERSION);
    replace(state, HEAD "\"version\":1,\"files\":[{\"name\":\"x\",\"bytes\":1,\"sha256\":" HASH "}]}");
    assert_int_equal(manifest_read(scratch_path(state), &manifest), 0);
    manifest_close(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(it_is_read_as_it_was_written),
        scratch_test(files_that_are_others_are_told),
        scratch_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
