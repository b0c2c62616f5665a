/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void every_call_has_a_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&gateway_rpc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_has_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
