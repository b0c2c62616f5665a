/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/organisation.h"

#include "services/gateway/gateway.h"

bool organisation_is_within(const struct gateway *gateway, uint32_t unit, uint32_t above)
{
    struct unit_tree *tree = units_hold(gateway->units);
    bool within = unit_tree_within(tree, unit, above);
    unit_tree_release(&tree);
    return within;
}

uint32_t organisation_find_unit(const struct gateway *gateway, const char *name)
{
    struct unit_tree *tree = units_hold(gateway->units);
    uint32_t unit = unit_named(tree, name);
    unit_tree_release(&tree);
    return unit;
}
