/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "tests/unit/common/scratch.h"

#include <fcntl.h>

/* What log_line() wrote to standard error, without the time in front. */
static const char *logged(void **state, char (*line)[1024], const char *pairs)
{
    char path[512];
    int kept = dup(STDERR_FILENO);
    int file = open(scratch_join(state, &path, "log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0 && kept >= 0 && dup2(file, STDERR_FILENO) >= 0);
    log_line(LOG_ERROR, "start failed", "%s", pairs);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    ssize_t size = pread(file, *line, sizeof(*line) - 1, 0);
    close(file);
    close(kept);
    assert_true(size > 0);
    (*line)[size] = '\0';
    const char *service = strstr(*line, "service");
    assert_non_null(service);
    return service;
}

static void a_line_is_pairs(void **state)
{
    char line[1024];
    log_setup("tests", LOG_INFO, false);
    assert_string_equal(logged(state, &line, "part=feed reason=\"the port is in use\""),
        "service=tests message=\"start failed\" part=feed reason=\"the port is in use\"\n");
}

static void a_quoted_value_stays_whole_in_json(void **state)
{
    char line[1024];
    log_setup("tests", LOG_INFO, true);
    assert_string_equal(logged(state, &line, "part=feed reason=\"say a=b twice, it is = c\" error=IO empty="),
        "service\":\"tests\",\"message\":\"start failed\",\"part\":\"feed\",\"reason\":\"say a=b twice, it "
        "is = c\",\"error\":\"IO\",\"empty\":\"\"}\n");
    assert_string_equal(logged(state, &line, "  stray a=\"open"),
        "service\":\"tests\",\"message\":\"start failed\",\"a\":\"\\\"open\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_line_is_pairs),
        scratch_test(a_quoted_value_stays_whole_in_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
