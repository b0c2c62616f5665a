/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/component.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { USER = 1, CARD = 2 };

/* Two user ids of one name and two cards in one event, one of the cards already somebody else's, and one card a person. */
static void one_events_links_are_taken_by_the_stronger_end_first(void **state)
{
    (void)state;
    struct identity_rules rules = {0};
    rules.kinds[USER] = (struct kind_rule){.joins = true, .limits = {1}};
    rules.kinds[CARD] = (struct kind_rule){.strength = 1, .joins = true, .limits = {1}};
    struct component_node nodes[] = {
        {.node = 10, .kind = CARD, .strength = 1},
        {.node = 11, .kind = USER},
        {.node = 12, .kind = CARD, .strength = 1},
        {.node = 13, .kind = USER},
        {.node = 14, .kind = USER},
    };
    struct component_link links[] = {
        {.low = 0, .high = 1, .rank = RANK_VERIFIED, .order = 1},
        {.low = 0, .high = 3, .rank = RANK_VERIFIED, .order = 2},
        {.low = 0, .high = 4, .rank = RANK_VERIFIED, .order = 2, .alias_kind = USER},
        {.low = 2, .high = 3, .rank = RANK_VERIFIED, .order = 2},
        {.low = 2, .high = 4, .rank = RANK_VERIFIED, .order = 2, .alias_kind = USER},
        {.low = 3, .high = 4, .rank = RANK_VERIFIED, .order = 2, .alias_kind = USER},
    };
    assert_int_equal(component_solve(&rules, nodes, 5, links, 6), 0);
    assert_int_equal(nodes[1].person, 10);
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(nodes[i].person, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_events_links_are_taken_by_the_stronger_end_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
