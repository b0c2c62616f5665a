/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/organisation.h"

#include "services/gateway/access.h"
#include "services/gateway/gateway.h"
#include "services/gateway/staff_roll.h"

#include <string.h>

bool organisation_is_within(const struct gateway *gateway, uint32_t unit, uint32_t above)
{
    struct unit_tree *tree = units_hold(gateway->units);
    bool within = unit_tree_within(tree, unit_tree_heir(tree, unit), above);
    unit_tree_release(&tree);
    return within;
}

uint64_t organisation_lost(const struct gateway *gateway, uint32_t unit)
{
    struct unit_tree *tree = units_hold(gateway->units);
    uint64_t lost = unit_tree_lost(tree, unit);
    unit_tree_release(&tree);
    return lost;
}

uint32_t organisation_find_unit(const struct gateway *gateway, const char *name)
{
    struct unit_tree *tree = units_hold(gateway->units);
    uint32_t unit = unit_named(tree, name);
    unit_tree_release(&tree);
    return unit;
}

uint32_t organisation_find_staff(const struct gateway *gateway, const char *name, uint32_t *ret_unit)
{
    static const char prefix[] = "code:";
    struct staff_roll *roll = staff_rolls_hold(gateway->staff);
    const char *code = strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : NULL;
    uint32_t staff = code ? staff_roll_find(roll, code, strlen(code)) : staff_number_of(name);
    *ret_unit = staff_roll_unit(roll, staff);
    staff_roll_release(&roll);
    return *ret_unit ? staff : 0;
}
