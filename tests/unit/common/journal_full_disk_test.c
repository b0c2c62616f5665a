/* SPDX-License-Identifier: Apache-2.0 */
/* A journal and its state on a real file system that fills up: a small tmpfs in a mount namespace of a child
 * process. Skipped where none can be made. */
#include "common/journal.h"
#include "common/store.h"
#include "tests/unit/common/scratch.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define SKIPPED 255
#define TABLE_STATE 0

/* In the child there is no cmocka: what fails is the line that is returned. */
#define NEED(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return __LINE__;                                                                                 \
    } while (0)

struct service {
    struct store *store;
    struct journal *journal;
    struct journal_position position;
    unsigned seed;
};

static struct store_key position_key(void)
{
    struct store_key key;
    key_reset(&key);
    key_text(&key, "position");
    return key;
}

static int start(struct service *service, const char *path)
{
    static const char *const tables[] = {"state"};
    char state[300], journal[300];
    snprintf(state, sizeof(state), "%s/state", path);
    snprintf(journal, sizeof(journal), "%s/journal", path);
    NEED(store_open(&(struct store_options){.path = state,
                        .tables = tables,
                        .table_count = 1,
                        .map_bytes = 64 << 20,
                        .schema_version = 1},
             &service->store) == 0);
    struct store_txn *txn = NULL;
    struct bytes value;
    struct store_key key = position_key();
    NEED(store_begin(service->store, STORE_READ, &txn) == 0);
    if (store_get(txn, TABLE_STATE, &key, &value))
        memcpy(&service->position, value.data, sizeof(service->position));
    store_abort(&txn);
    struct journal_options options = {.path = journal, .segment_bytes = 200000, .compression = 1};
    NEED(journal_open(&options, &service->position, &service->journal) == 0);
    return 0;
}

static void stop(struct service *service)
{
    journal_close(&service->journal);
    store_close(&service->store);
}

static int commit_state(struct service *service, const struct journal_position *position)
{
    struct store_txn *txn = NULL;
    int code = store_begin(service->store, STORE_WRITE, &txn);
    if (code)
        return code;
    struct store_key key = position_key(), row;
    key_reset(&row);
    key_u64(&row, position->next);
    store_put(txn, TABLE_STATE, &key, position, sizeof(*position));
    store_put(txn, TABLE_STATE, &row, position, sizeof(*position));
    return store_commit(&txn);
}

/* One batch as a service's writer takes it. */
static int batch(struct service *service)
{
    uint8_t data[2000];
    unsigned count = 1 + (unsigned)rand_r(&service->seed) % 40;
    for (unsigned i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof(data); j++)
            data[j] = (uint8_t)(rand_r(&service->seed) >> 8);
        journal_add(service->journal, 2, 1, data, sizeof(data));
    }
    struct journal_position position;
    int code = journal_commit(service->journal, &position);
    if (code)
        return code;
    code = commit_state(service, &position);
    if (code)
        return journal_revert(service->journal) ? -QY_ECORRUPT : code;
    journal_publish(service->journal, position.next, 1);
    service->position = position;
    return 0;
}

static int fill_and_recover(const char *path)
{
    struct service service = {.seed = 1};
    NEED(start(&service, path) == 0);
    for (int round = 0; round < 3; round++) {
        int code = 0;
        for (int refused = 0; refused < 50; refused += code != 0) {
            code = batch(&service);
            NEED(code == 0 || code == -QY_EFULL);
        }
        NEED(store_is_full(service.store));
        struct journal_position kept = service.position;
        stop(&service);
        NEED(start(&service, path) == 0); /* full as it is */
        NEED(service.position.next == kept.next);
        struct journal_state seen;
        journal_state(service.journal, &seen);
        NEED(seen.end.next == kept.next);
        NEED(journal_trim(service.journal, kept.next, INT64_MAX) == 0);
        NEED(batch(&service) == 0);
    }
    stop(&service);
    return 0;
}

static int on_small_disk(const char *path)
{
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", path, "tmpfs", 0, "size=4m"))
        return SKIPPED;
    return fill_and_recover(path);
}

static void a_full_disk_refuses_batches_and_loses_none(void **state)
{
    int result[2];
    assert_int_equal(pipe(result), 0);
    pid_t child = fork();
    if (child == 0) {
        int line = on_small_disk(scratch_path(state));
        _exit(write(result[1], &line, sizeof(line)) == sizeof(line) ? 0 : 1);
    }
    close(result[1]);
    int line = -1;
    ssize_t size = read(result[0], &line, sizeof(line));
    close(result[0]);
    waitpid(child, NULL, 0);
    assert_int_equal(size, sizeof(line));
    if (line == SKIPPED)
        skip();
    if (line != 0)
        fail_msg("line %d of %s", line, __FILE__);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_full_disk_refuses_batches_and_loses_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
