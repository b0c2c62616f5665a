/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for one test, removed with all that is in it. */
#ifndef QY_TESTS_SCRATCH_H
#define QY_TESTS_SCRATCH_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct scratch {
    char path[256];
};

static inline int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    struct scratch *scratch = malloc(sizeof(*scratch));
    if (!scratch)
        return -1;
    snprintf(scratch->path, sizeof(scratch->path), "%s/quanyu-test-XXXXXX", base ? base : "/tmp");
    *state = scratch;
    return mkdtemp(scratch->path) ? 0 : -1;
}

static inline int scratch_remove_entry(
    const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    struct scratch *scratch = *state;
    nftw(scratch->path, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(scratch);
    return 0;
}

#define scratch_test(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

static inline const char *scratch_path(void **state)
{
    return ((struct scratch *)*state)->path;
}

/* A path inside it, written into `buffer`. */
static inline const char *scratch_join(void **state, char (*buffer)[512], const char *name)
{
    snprintf(*buffer, sizeof(*buffer), "%s/%s", scratch_path(state), name);
    return *buffer;
}

#endif
