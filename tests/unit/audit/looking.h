/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies what lies in the runtime's directory, with its store closed; what is wrong stands in `said`. */
#ifndef QY_TEST_AUDIT_LOOKING_H
#define QY_TEST_AUDIT_LOOKING_H

#include "tests/unit/audit/at_once.h"

#include "services/audit/verify_files.h"

#include <unistd.h>

static char said[8192];

static void keep_problem(void *self, const char *text)
{
    (void)self;
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

/* Each look comes by a path of its own, so that files are mapped anew. */
static inline struct verify_result look(void)
{
    static unsigned looks;
    char path[128];
    struct verify_files *files;
    struct verify_result result;
    struct verify_options options = {.threads = 2, .problem = keep_problem};
    said[0] = '\0';
    snprintf(path, sizeof(path), "%s/look-%u", running->service.directory, looks++);
    assert_int_equal(symlink(".", path), 0);
    assert_int_equal(verify_files_open(path, &files), 0);
    assert_int_equal(verify_files_describe(files, &options), 0);
    assert_int_equal(verify_log(&options, &result), 0);
    verify_files_close(&files);
    assert_int_equal(unlink(path), 0);
    return result;
}

#endif
