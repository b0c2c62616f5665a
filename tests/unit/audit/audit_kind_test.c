/* SPDX-License-Identifier: Apache-2.0 */
/* Each action is of the kind by which its records are kept. */
#include "services/audit/audit_retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void actions_are_of_the_kind_that_their_names_say(void **state)
{
    (void)state;
    static const struct {
        const char *action;
        enum record_kind kind;
    } known[] = {{"person.show", KIND_PERSON}, {"person.lookup", KIND_PERSON}, {"person.unmask", KIND_PERSON},
        {"identity.explain", KIND_PERSON}, {"dead_letter.show", KIND_PERSON}, {"audience.count", KIND_LIST},
        {"segment.list", KIND_LIST}, {"journey.deliveries", KIND_LIST}, {"staff.people", KIND_LIST},
        {"identity.duplicates.search", KIND_LIST}, {"segment.changes", KIND_EXPORT}, {"tag.add", KIND_CHANGE},
        {"person.tag", KIND_CHANGE}, {"binding.transfer", KIND_CHANGE}, {"person.join", KIND_JOIN},
        {"person.split", KIND_JOIN}, {"person.erase", KIND_IDENTITY}, {"identity.reassign", KIND_IDENTITY},
        {"delivery", KIND_DELIVERY}, {"journey.publish", KIND_SETTING}, {"write_key.rotate", KIND_SETTING},
        {"tag.delete", KIND_SETTING}, {"segment.change", KIND_SETTING},
        {"binding_rules.change", KIND_SETTING}, {"identity_rules.change", KIND_SETTING},
        {"alert_rules.change", KIND_SETTING}, {"unit.move", KIND_SETTING}, {"session.begin", KIND_ACCESS},
        {"token.create", KIND_ACCESS}, {"password.change", KIND_ACCESS}, {"staff.bootstrap", KIND_ACCESS},
        {"audit.search", KIND_AUDITOR}, {"alert.list", KIND_AUDITOR}, {"auditor.list", KIND_AUDITOR},
        {"alert.raise", KIND_ALERT}, {"audit.away", KIND_OTHER}, {"audit.restore", KIND_LOG},
        {"audit.backup", KIND_LOG}, {"record.unreadable", KIND_OTHER}, {"", KIND_OTHER},
        {"log_key.rotate", KIND_LOG}, {"witness.add", KIND_LOG}, {ACTION_CHANGE, KIND_LOG},
        {ACTION_HOLD, KIND_LOG}, {ACTION_RELEASE, KIND_LOG}, {ACTION_PRUNE, KIND_LOG}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (record_kind_of(known[i].action) != known[i].kind)
            fail_msg(
                "%s is of the kind %s", known[i].action, record_kinds[record_kind_of(known[i].action)].name);
}

static void kinds_have_names_of_their_own(void **state)
{
    (void)state;
    enum record_kind found;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        assert_true(record_kind_find(record_kinds[kind].name, &found));
        assert_int_equal(found, kind);
    }
    assert_false(record_kind_find("none", &found));
}

static void a_policy_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *days, *field;
    } wrong[] = {{"{\"person\":182}", "/days/person"}, {"{\"list\":200,\"person\":-1}", "/days/person"},
        {"{\"person\":36501}", "/days/person"}, {"{\"log\":200}", "/days/log"},
        {"{\"join\":200}", "/days/join"}, {"{\"x\":200}", "/days/x"}, {"[]", "/days"},
        {"{\"person\":\"200\"}", "/days/person"}};
    char field[RETENTION_FIELD_BYTES];
    struct retention retention = {.version = 3, .days = {[KIND_PERSON] = 500}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        yyjson_doc *doc = yyjson_read(wrong[i].days, strlen(wrong[i].days), 0);
        assert_non_null(retention_parse(yyjson_doc_get_root(doc), &retention, field));
        assert_string_equal(field, wrong[i].field);
        assert_int_equal(retention.days[KIND_PERSON], 500);
        assert_int_equal(retention.days[KIND_LIST], 0);
        yyjson_doc_free(doc);
    }
    static const char good[] = "{\"list\":183,\"delivery\":null,\"join\":null}";
    yyjson_doc *doc = yyjson_read(good, strlen(good), 0);
    assert_null(retention_parse(yyjson_doc_get_root(doc), &retention, field));
    yyjson_doc_free(doc);
    assert_int_equal(retention.days[KIND_PERSON], 0);
    assert_int_equal(retention.days[KIND_LIST], 183);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actions_are_of_the_kind_that_their_names_say),
        cmocka_unit_test(kinds_have_names_of_their_own),
        cmocka_unit_test(a_policy_is_taken_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
