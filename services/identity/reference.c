/* SPDX-License-Identifier: Apache-2.0 */
/* Whom and what requests name. */
#include "services/identity/handlers.h"

#include <string.h>

uint32_t person_of(struct store_txn *txn, uint32_t node)
{
    struct node_place place;
    return identity_store_place(txn, node, &place) ? place.person : 0;
}

uint32_t present_person(struct store_txn *txn, uint32_t number)
{
    struct node_place place;
    if (!identity_store_place(txn, number, &place) || !(place.flags & NODE_FOUNDER))
        return 0;
    return place.person;
}

static int find_by_id(struct rpc_context *context, const Quanyu__IdentifierRef *reference, const char *field,
    uint32_t *ret_node)
{
    const struct identity *identity = context->self;
    struct node_place place;
    uint32_t node;
    if (!node_id_parse(vault_one_id_key(identity->vault), reference->id, strlen(reference->id), &node) ||
        !identity_store_place(context->txn, node, &place))
        return rpc_refuse(context, -QY_ENOTFOUND, arena_printf(context->arena, "%s/id", field),
            "there is no such identifier");
    *ret_node = node;
    return 0;
}

int reference_find(struct rpc_context *context, const Quanyu__IdentifierRef *reference, const char *field,
    uint32_t *ret_node)
{
    const struct identity *identity = context->self;
    if (*reference->id)
        return find_by_id(context, reference, field, ret_node);
    const struct kind *kind = kind_find(&identity->kinds, reference->kind, strlen(reference->kind));
    if (!kind)
        return rpc_refuse(context, -QY_EINVAL, arena_printf(context->arena, "%s/kind", field),
            "is no kind of identifier that is configured here");
    struct identifier identifier;
    uint8_t hash[VAULT_HASH_BYTES];
    uint32_t person;
    char *value = arena_printf(context->arena, "%s/value", field);
    if (identifier_normalise(&identity->kinds, kind, reference->value, strlen(reference->value), &identifier))
        return rpc_refuse(context, -QY_EINVAL, value, "is no value of this kind");
    vault_hash(identity->vault, kind->name, identifier.value, identifier.size, hash);
    if (!identity_find(identity, context->txn, kind, hash, ret_node, &person))
        return rpc_refuse(context, -QY_ENOTFOUND, value, "nobody has this identifier");
    return 0;
}
