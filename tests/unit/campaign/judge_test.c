/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a transfer means. */
#include "services/campaign/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct verdict {
    struct transfer_end end;
    enum outcome_kind kind;
};

static void expect_all(const struct verdict *verdicts, size_t count,
    void (*judge)(const struct transfer_end *, struct outcome *))
{
    for (size_t i = 0; i < count; i++) {
        struct outcome outcome;
        judge(&verdicts[i].end, &outcome);
        if (outcome.kind != verdicts[i].kind)
            fail_msg("%zu: %d %s", i, (int)outcome.kind, outcome.reason);
        assert_true(outcome.reason[0]);
    }
}

static void a_webhook_is_retried_only_where_nothing_was_accepted(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {{.code = CURLE_OK, .status = 200, .bytes_left = true}, OUTCOME_DELIVERED},
        {{.code = CURLE_OK, .status = 202, .bytes_left = true}, OUTCOME_DELIVERED},
        {{.code = CURLE_OK, .status = 301, .bytes_left = true}, OUTCOME_FAILED},
        {{.code = CURLE_OK, .status = 400, .bytes_left = true}, OUTCOME_FAILED},
        {{.code = CURLE_OK, .status = 429, .bytes_left = true}, OUTCOME_RETRY},
        {{.code = CURLE_OK, .status = 500, .bytes_left = true}, OUTCOME_FAILED},
        {{.code = CURLE_OK, .status = 502, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_OK, .status = 503, .bytes_left = true}, OUTCOME_RETRY},
        {{.code = CURLE_OK, .status = 504, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_COULDNT_RESOLVE_HOST}, OUTCOME_RETRY},
        {{.code = CURLE_COULDNT_CONNECT}, OUTCOME_RETRY},
        {{.code = CURLE_PEER_FAILED_VERIFICATION}, OUTCOME_RETRY},
        {{.code = CURLE_OPERATION_TIMEDOUT}, OUTCOME_RETRY},
        {{.code = CURLE_OPERATION_TIMEDOUT, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_GOT_NOTHING, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_RECV_ERROR, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_SEND_ERROR}, OUTCOME_RETRY},
        {{.code = CURLE_PARTIAL_FILE, .status = 200, .bytes_left = true}, OUTCOME_UNKNOWN},
    };
    expect_all(verdicts, COUNT_OF(verdicts), judge_webhook);
}

static void a_mail_is_retried_only_where_nothing_was_accepted(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {{.code = CURLE_OK, .status = 250, .bytes_left = true}, OUTCOME_DELIVERED},
        {{.code = CURLE_COULDNT_CONNECT}, OUTCOME_RETRY},
        {{.code = CURLE_SEND_ERROR, .status = 550}, OUTCOME_FAILED},
        {{.code = CURLE_SEND_ERROR, .status = 450}, OUTCOME_RETRY},
        {{.code = CURLE_WEIRD_SERVER_REPLY, .status = 554, .bytes_left = true}, OUTCOME_FAILED},
        {{.code = CURLE_WEIRD_SERVER_REPLY, .status = 421, .bytes_left = true}, OUTCOME_RETRY},
        {{.code = CURLE_RECV_ERROR, .status = 354, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_OPERATION_TIMEDOUT, .status = 354, .bytes_left = true}, OUTCOME_UNKNOWN},
        {{.code = CURLE_OPERATION_TIMEDOUT, .status = 220}, OUTCOME_RETRY},
        {{.code = CURLE_RECV_ERROR}, OUTCOME_RETRY},
    };
    expect_all(verdicts, COUNT_OF(verdicts), judge_email);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webhook_is_retried_only_where_nothing_was_accepted),
        cmocka_unit_test(a_mail_is_retried_only_where_nothing_was_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
