/* SPDX-License-Identifier: Apache-2.0 */
#include "common/keys.h"

#include "common/error.h"
#include "common/mem.h"
#include "tests/unit/common/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static unsigned mode_of(const char *directory, const char *file)
{
    char path[600];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%s", directory, file);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777u;
}

static void put_file(const char *directory, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_pairs_are_made_once(void **state)
{
    char directory[512];
    scratch_join(state, &directory, "data/keys");
    assert_int_equal(keys_make(directory), 0);
    struct keys first, again;
    assert_int_equal(keys_load(directory, "gateway", &first), 0);
    assert_int_equal(keys_make(directory), 0);
    assert_int_equal(keys_load(directory, "gateway", &again), 0);
    assert_string_equal(first.name, "gateway");
    assert_string_equal(first.secret_key, again.secret_key);
    static const char *const names[] = {"gateway", "identity", "tagging", "campaign", "audit", "cli"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char public_key[KEYS_Z85];
        assert_int_equal(keys_load_public(directory, names[i], public_key), 0);
        assert_int_equal(keys_load(directory, names[i], &again), 0);
        assert_string_equal(public_key, again.public_key);
    }
}

static void test_secrets_are_for_the_owner_alone(void **state)
{
    char directory[512];
    scratch_join(state, &directory, "keys");
    mode_t before = umask(0);
    assert_int_equal(keys_make(directory), 0);
    umask(0777);
    char path[512];
    uint8_t secret[32];
    assert_int_equal(keys_secret(scratch_join(state, &path, "secret"), secret), 0);
    umask(before);
    assert_int_equal(mode_of(directory, "audit.key"), 0600);
    assert_int_equal(mode_of(directory, "audit.pub"), 0644);
    assert_int_equal(mode_of(scratch_path(state), "secret"), 0600);
}

static void test_processes_starting_at_once_agree(void **state)
{
    char directory[512];
    scratch_join(state, &directory, "keys");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    enum { PROCESSES = 8 };
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() > 0)
            continue;
        struct keys keys;
        char path[512];
        uint8_t secret[32];
        int code = keys_make(directory);
        code = code ? code : keys_load(directory, "tagging", &keys);
        code = code ? code : keys_secret(scratch_join(state, &path, "secret"), secret);
        char told[KEYS_Z85 + sizeof(secret)];
        memcpy(told, keys.secret_key, KEYS_Z85);
        memcpy(told + KEYS_Z85, secret, sizeof(secret));
        _exit(code == 0 && write(ends[1], told, sizeof(told)) == sizeof(told) ? 0 : 1);
    }
    char first[KEYS_Z85 + 32], other[KEYS_Z85 + 32];
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], i ? other : first, sizeof(first)), sizeof(first));
        assert_memory_equal(i ? other : first, first, sizeof(first));
    }
    close(ends[0]);
    close(ends[1]);
}

static void test_public_file_lost_in_a_crash_is_made_again(void **state)
{
    char directory[512], path[600];
    scratch_join(state, &directory, "keys");
    assert_int_equal(keys_make(directory), 0);
    struct keys before, after;
    assert_int_equal(keys_load(directory, "cli", &before), 0);
    snprintf(path, sizeof(path), "%s/cli.pub", directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(keys_make(directory), 0);
    assert_int_equal(keys_load(directory, "cli", &after), 0);
    assert_string_equal(before.public_key, after.public_key);
}

static void test_no_pair_is_made_for_a_peer_on_another_machine(void **state)
{
    char directory[512], text[KEYS_Z85 + 1];
    scratch_join(state, &directory, "keys");
    assert_int_equal(mkdir(directory, 0700), 0);
    snprintf(text, sizeof(text), "%s\n", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    put_file(directory, "audit.pub", text);
    assert_int_equal(keys_make(directory), 0);
    struct keys keys;
    assert_int_equal(keys_load(directory, "audit", &keys), -QY_ENOTFOUND);
    assert_int_equal(keys_load(directory, "gateway", &keys), 0);
}

static void test_what_is_no_key_is_refused(void **state)
{
    char directory[512], public_key[KEYS_Z85];
    const char *path = scratch_join(state, &directory, "keys");
    assert_int_equal(keys_make(path), 0);
    struct keys keys, other;
    assert_int_equal(keys_load(path, "nobody", &keys), -QY_ENOTFOUND);
    assert_int_equal(keys_load_public(path, "nobody", public_key), -QY_ENOTFOUND);
    put_file(path, "audit.pub", "too short\n");
    assert_int_equal(keys_load_public(path, "audit", public_key), -QY_ECORRUPT);
    assert_int_equal(keys_load(path, "gateway", &keys), 0);
    assert_int_equal(keys_load(path, "identity", &other), 0);
    char text[2 * KEYS_Z85 + 1];
    snprintf(text, sizeof(text), "%s\n%s\n", keys.public_key, other.secret_key);
    put_file(path, "gateway.key", text);
    assert_int_equal(keys_load(path, "gateway", &keys), -QY_ECORRUPT);
    snprintf(text, sizeof(text), "%s\n", keys.public_key);
    put_file(path, "identity.pub", text);
    assert_int_equal(keys_load(path, "identity", &keys), -QY_ECORRUPT);
}

static void test_secret_stays_the_same_and_is_checked(void **state)
{
    char path[512];
    uint8_t first[32] = {0}, again[32], zero[32] = {0};
    scratch_join(state, &path, "below/it/secret");
    assert_int_equal(keys_secret(path, first), 0);
    assert_memory_not_equal(first, zero, 32);
    assert_int_equal(keys_secret(path, again), 0);
    assert_memory_equal(first, again, 32);
    put_file(scratch_path(state), "short", "31 bytes are not enough........");
    scratch_join(state, &path, "short");
    assert_int_equal(keys_secret(path, again), -QY_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_pairs_are_made_once),
        scratch_test(test_secrets_are_for_the_owner_alone),
        scratch_test(test_processes_starting_at_once_agree),
        scratch_test(test_public_file_lost_in_a_crash_is_made_again),
        scratch_test(test_no_pair_is_made_for_a_peer_on_another_machine),
        scratch_test(test_what_is_no_key_is_refused),
        scratch_test(test_secret_stays_the_same_and_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
