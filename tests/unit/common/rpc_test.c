/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc.h"

#include "proto/audit.pb-c.h"
#include "tests/unit/common/scratch.h"

static int nothing(struct rpc_context *context, const ProtobufCMessage *request, ProtobufCMessage *reply)
{
    (void)context;
    (void)request;
    (void)reply;
    return 0;
}

static void test_call_without_handler_is_found(void **state)
{
    (void)state;
    struct rpc_handler handlers[] = {
        [QUANYU__AUDIT_REQUEST__CALL_APPEND] = {"append", nothing, RPC_COMMAND, NULL},
        [QUANYU__AUDIT_REQUEST__CALL_TREE] = {"tree", nothing, RPC_QUERY, NULL},
        [QUANYU__AUDIT_REQUEST__CALL_AUDITORS] = {"auditors", nothing, RPC_COMMAND, NULL},
        [QUANYU__AUDIT_REQUEST__CALL_KEYS] = {"keys", nothing, RPC_COMMAND, NULL},
    };
    struct rpc_service service = {&quanyu__audit_request__descriptor, &quanyu__audit_reply__descriptor,
        handlers, COUNT_OF(handlers), NULL};
    assert_null(rpc_service_check(&service));
    handlers[QUANYU__AUDIT_REQUEST__CALL_TREE].handle = NULL;
    assert_string_equal(rpc_service_check(&service), "tree");
    handlers[QUANYU__AUDIT_REQUEST__CALL_TREE].handle = nothing;
    service.handler_count = QUANYU__AUDIT_REQUEST__CALL_AUDITORS;
    assert_string_equal(rpc_service_check(&service), "auditors");
}

static void test_call_without_a_reply_is_found(void **state)
{
    (void)state;
    struct rpc_handler handlers[] = {
        [QUANYU__AUDIT_REQUEST__CALL_APPEND] = {"append", nothing, RPC_COMMAND, NULL},
        [QUANYU__AUDIT_REQUEST__CALL_TREE] = {"tree", nothing, RPC_QUERY, NULL},
        [QUANYU__AUDIT_REQUEST__CALL_AUDITORS] = {"auditors", nothing, RPC_QUERY, NULL},
    };
    struct rpc_service service = {&quanyu__audit_request__descriptor, &quanyu__runtime_reply__descriptor,
        handlers, COUNT_OF(handlers), NULL};
    assert_string_equal(rpc_service_check(&service), "append");
}

static void test_case_is_read_from_any_message(void **state)
{
    (void)state;
    Quanyu__AuditRequest request = QUANYU__AUDIT_REQUEST__INIT;
    Quanyu__TreeRequest tree = QUANYU__TREE_REQUEST__INIT;
    assert_int_equal(rpc_case(&request.base), 0);
    request.call_case = QUANYU__AUDIT_REQUEST__CALL_TREE;
    request.tree = &tree;
    assert_int_equal(rpc_case(&request.base), 4);
    assert_int_equal(rpc_case(&tree.base), 0); /* no oneof at all */
}

static void test_refusal_keeps_field_and_message(void **state)
{
    (void)state;
    struct rpc_context context = {0};
    assert_int_equal(arena_open(&context.arena), 0);
    char field[] = "rule/all/0";
    assert_int_equal(rpc_refuse(&context, -QY_EINVAL, field, "unknown metric \"%s\"", "spend"), -QY_EINVAL);
    field[0] = 'x';
    assert_string_equal(context.error_field, "rule/all/0");
    assert_string_equal(context.error_message, "unknown metric \"spend\"");
    rpc_refuse(&context, -QY_EINVAL, NULL, "%01000d", 1);
    assert_null(context.error_field);
    assert_true(strlen(context.error_message) < 1000);
    arena_close(&context.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_without_handler_is_found),
        cmocka_unit_test(test_call_without_a_reply_is_found),
        cmocka_unit_test(test_case_is_read_from_any_message),
        cmocka_unit_test(test_refusal_keeps_field_and_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
