/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/identity/world.h"

static void lookups_show_masked_values(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 100,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"phone\":\"13800138000\",\"email\":\"li@example."
        "com\",\"address\":{\"a\":1},"
        "\"birthday\":\"1990-03-14\",\"city\":\"x\"}}");
    const Quanyu__PersonView *view = look_up(world, "phone", "138 0013 8000");
    assert_int_equal(view->person, 1);
    assert_int_equal(view->n_nodes, 3);
    assert_int_equal(view->n_identifiers, 3);
    assert_string_equal(view->identifiers[0]->value, "u1");
    assert_string_equal(view->identifiers[1]->value, "138****8000");
    assert_string_equal(view->identifiers[2]->value, "l***@example.com");
    assert_bytes_equal(view->traits, "{\"name\":\"王*\",\"phone\":\"138****8000\",\"email\":\"l***@example."
                                     "com\",\"address\":\"***\",\"birthday\":\"****-03-14\"}");
    assert_int_equal(strlen(view->one_id), ONE_ID_BYTES - 1);
    const Quanyu__PersonView *missed = look_up(world, "phone", "13900139000");
    assert_int_equal(missed->person, 0);
    assert_int_equal(missed->n_missed, 1);
    assert_int_equal(strncmp(missed->missed[0], "phone:", 6), 0);
    assert_null(strstr(missed->missed[0], "139"));
    missed = look_up(world, "phone", "nonsense");
    assert_int_equal(missed->n_missed, 1);
}

static void a_text_that_may_hold_anything_shows_no_name(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 100,
        "{\"userId\":\"u1\",\"traits\":{\"remark\":\"王小明 13800138000\",\"pick_up\":\"李雷 "
        "li@example.com\","
        "\"address\":\"上海市南京东路100号\"}}");
    const Quanyu__PersonView *view = look_up(world, "user_id", "u1");
    assert_bytes_equal(view->traits, "{\"remark\":\"王***\",\"pick_up\":\"李***\",\"address\":\"上海***\"}");
}

static void a_joined_persons_one_id_leads_to_the_other(void **state)
{
    struct world *world = *state;
    fold(world, TRACK, 1, "{\"userId\":\"u1\",\"event\":\"x\"}");
    fold(world, TRACK, 1, "{\"userId\":\"u2\",\"event\":\"x\"}");
    char asked[ONE_ID_BYTES];
    snprintf(asked, sizeof(asked), "%s", look_up(world, "user_id", "u2")->one_id);
    fold(world, ALIAS, 1, "{\"userId\":\"u2\",\"previousId\":\"u1\"}");

    Quanyu__LookupRequest lookup = QUANYU__LOOKUP_REQUEST__INIT;
    lookup.one_id = asked;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_LOOKUP;
    request.lookup = &lookup;
    Quanyu__IdentityReply reply;
    assert_int_equal(ask(world, &request, &reply), 0);
    assert_int_equal(reply.person->person, 1);
    assert_string_equal(reply.person->asked_one_id, asked);
    asked[3] = asked[3] == 'x' ? 'y' : 'x';
    assert_int_equal(ask(world, &request, &reply), -QY_ENOTFOUND);
    lookup.one_id = (char *)protobuf_c_empty_string;
    lookup.person = 3;
    assert_int_equal(ask(world, &request, &reply), -QY_ENOTFOUND);
    lookup.person = 0;
    assert_int_equal(ask(world, &request, &reply), -QY_EINVAL);
}

static void one_address_is_given_to_send_to(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"traits\":{\"name\":\"王小明\",\"email\":\"old@example.com\"}}");
    fold(world, IDENTIFY, 2, "{\"userId\":\"u1\",\"traits\":{\"email\":\"New@example.com\"}}");
    Quanyu__AddressRequest address = QUANYU__ADDRESS_REQUEST__INIT;
    address.person = 1;
    char email[] = "email", phone[] = "phone", wrong[] = "pigeon";
    address.kind = email;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_ADDRESS;
    request.address = &address;
    Quanyu__IdentityReply reply;
    assert_int_equal(ask(world, &request, &reply), 0);
    assert_string_equal(reply.address->value, "new@example.com");
    assert_string_equal(reply.address->name, "王小明");
    address.kind = phone;
    assert_int_equal(ask(world, &request, &reply), -QY_ENOTFOUND);
    address.kind = wrong;
    assert_int_equal(ask(world, &request, &reply), -QY_EINVAL);
    address.kind = email;
    address.person = 9;
    assert_int_equal(ask(world, &request, &reply), -QY_ENOTFOUND);
}

static void names_of_nodes_come_in_pages(void **state)
{
    struct world *world = *state;
    fold(world, IDENTIFY, 1,
        "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"13800138000\"}}");
    Quanyu__NodeNamesRequest names = QUANYU__NODE_NAMES_REQUEST__INIT;
    names.limit = 2;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NODE_NAMES;
    request.node_names = &names;
    Quanyu__IdentityReply reply;
    assert_int_equal(ask(world, &request, &reply), 0);
    assert_int_equal(reply.node_names->n_names, 2);
    assert_string_equal(reply.node_names->names[1]->kind, "phone");
    assert_int_equal(strlen(reply.node_names->names[1]->hash), 2 * VAULT_HASH_BYTES);
    assert_int_equal(reply.node_names->next, 3);
    names.from = 3;
    assert_int_equal(ask(world, &request, &reply), 0);
    assert_int_equal(reply.node_names->n_names, 1);
    assert_int_equal(reply.node_names->next, 0);
}

static void every_call_has_a_handler(void **state)
{
    (void)state;
    assert_null(rpc_service_check(&identity_rpc));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lookups_show_masked_values),
        TEST(a_text_that_may_hold_anything_shows_no_name),
        TEST(a_joined_persons_one_id_leads_to_the_other),
        TEST(one_address_is_given_to_send_to),
        TEST(names_of_nodes_come_in_pages),
        cmocka_unit_test(every_call_has_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
