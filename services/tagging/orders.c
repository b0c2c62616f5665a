/* SPDX-License-Identifier: Apache-2.0 */
#include "services/tagging/orders.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

/* -- what an event says -- */

/* Sets the purchase's amount, where the value is one. */
static void read_amount(yyjson_val *value, unsigned scale, struct purchase *purchase)
{
    struct decimal decimal;
    bool number = yyjson_is_raw(value);
    const char *text = number ? yyjson_get_raw(value) : yyjson_get_str(value);
    size_t size = yyjson_get_len(value);
    if (!text || !decimal_read(text, size, number ? DECIMAL_JSON : DECIMAL_PLAIN, &decimal))
        return;
    int64_t units;
    bool fits = number ? decimal_parse_json(text, size, scale, true, &units)
                       : decimal_parse(text, size, scale, true, &units);
    if (fits && units <= AMOUNT_MAX && units >= -AMOUNT_MAX)
        purchase->amount = units;
    else
        purchase->beyond = true;
}

static bool is_own_currency(const struct money_settings *money, yyjson_val *currency)
{
    return !yyjson_is_str(currency) || strcasecmp(yyjson_get_str(currency), money->currency) == 0;
}

/* The same id as a number or as a text is one id. */
static void key_of(const struct stored_event *event, yyjson_val *order_id, struct purchase_key *ret_key)
{
    static const uint8_t hash_key[crypto_shorthash_siphashx24_KEYBYTES];
    const char *text = yyjson_is_raw(order_id) ? yyjson_get_raw(order_id) : yyjson_get_str(order_id);
    memset(ret_key, 0, sizeof(*ret_key));
    if (text && yyjson_get_len(order_id) > 0) {
        ret_key->bytes[0] = 'o';
        crypto_shorthash_siphashx24(
            ret_key->bytes + 1, (const uint8_t *)text, yyjson_get_len(order_id), hash_key);
    } else {
        ret_key->bytes[0] = 'm';
        put_be64(ret_key->bytes + 1, event->message_key);
    }
}

bool event_is_purchase(const struct stored_event *event, bool *ret_refund)
{
    *ret_refund = strcmp(event->name, EVENT_REFUND) == 0;
    return event->type == QUANYU__EVENT_TYPE__EVENT_TRACK &&
           (*ret_refund || strcmp(event->name, EVENT_ORDER) == 0);
}

void purchase_read(const struct money_settings *money, const struct stored_event *event,
    yyjson_val *properties, bool refund, struct purchase *ret_purchase, struct purchase_key *ret_key)
{
    *ret_purchase = (struct purchase){.time_ms = event->time_ms, .origin = event->origin};
    ret_purchase->own = is_own_currency(money, yyjson_obj_get(properties, "currency"));
    if (ret_purchase->own)
        read_amount(yyjson_obj_get(properties, "total"), money->scale, ret_purchase);
    key_of(event, refund ? NULL : yyjson_obj_get(properties, "order_id"), ret_key);
}

/* -- rows -- */

#define PURCHASE_ROW_BYTES 25

static void purchase_row_key(
    struct store_key *key, uint32_t node, enum people_part part, const struct purchase_key *id)
{
    key_part(key, node, part);
    key_raw(key, id->bytes, sizeof(id->bytes));
}

static bool decode_purchase(struct bytes row, struct purchase *ret_purchase)
{
    if (row.size != PURCHASE_ROW_BYTES)
        return false;
    *ret_purchase = (struct purchase){
        .time_ms = (int64_t)get_be64(row.data),
        .origin = get_be64(row.data + 8),
        .amount = (int64_t)get_be64(row.data + 16),
        .own = row.data[24] != 0,
    };
    return true;
}

static bool get_purchase(struct people *people, uint32_t node, enum people_part part,
    const struct purchase_key *id, struct purchase *ret_purchase)
{
    struct store_key key;
    struct bytes row;
    purchase_row_key(&key, node, part, id);
    return store_get(people->txn, TABLE_PEOPLE, &key, &row) && decode_purchase(row, ret_purchase);
}

static void put_purchase(struct people *people, uint32_t node, enum people_part part,
    const struct purchase_key *id, const struct purchase *purchase)
{
    struct store_key key;
    uint8_t row[PURCHASE_ROW_BYTES];
    put_be64(row, (uint64_t)purchase->time_ms);
    put_be64(row + 8, purchase->origin);
    put_be64(row + 16, (uint64_t)purchase->amount);
    row[24] = purchase->own;
    purchase_row_key(&key, node, part, id);
    store_put(people->txn, TABLE_PEOPLE, &key, row, sizeof(row));
}

void purchase_keep(struct people *people, struct node *node, bool refund, const struct purchase_key *key,
    const struct purchase *purchase)
{
    enum people_part part = refund ? PART_REFUND : PART_ORDER;
    struct purchase here;
    node->purchases = node->dirty = true;
    if (!get_purchase(people, node->number, part, key, &here) || purchase_before(purchase, &here))
        put_purchase(people, node->number, part, key, purchase);
}

bool purchase_drop(struct people *people, struct node *node, bool refund, const struct purchase_key *key,
    const struct purchase *purchase)
{
    enum people_part part = refund ? PART_REFUND : PART_ORDER;
    struct purchase here;
    struct store_key row;
    if (!get_purchase(people, node->number, part, key, &here) || here.origin != purchase->origin)
        return false;
    purchase_row_key(&row, node->number, part, key);
    return store_delete(people->txn, TABLE_PEOPLE, &row);
}

/* The earliest of the person's other nodes. */
static bool earliest_elsewhere(struct people *people, const struct person *person, uint32_t but,
    enum people_part part, const struct purchase_key *id, struct purchase *ret_purchase)
{
    bool found = false;
    for (size_t i = 0; i < person->node_count; i++) {
        struct purchase other;
        const struct node *node = people_node(people, person->nodes[i].node);
        if (!node || !node->purchases || node->number == but ||
            !get_purchase(people, node->number, part, id, &other))
            continue;
        if (!found || purchase_before(&other, ret_purchase))
            *ret_purchase = other;
        found = true;
    }
    return found;
}

/* Puts a purchase into the node's rows. False when the person's sums stay as they are: it was known, and
 * earlier. Else *ret_known tells whether *ret_former counted until now. */
static bool take_purchase(struct people *people, struct node *node, const struct person *person,
    enum people_part part, const struct purchase_key *id, const struct purchase *purchase, bool *ret_known,
    struct purchase *ret_former)
{
    struct purchase here, elsewhere;
    bool known = get_purchase(people, node->number, part, id, &here);
    if (known && !purchase_before(purchase, &here))
        return false;
    put_purchase(people, node->number, part, id, purchase);
    node->purchases = node->dirty = true;
    bool other = earliest_elsewhere(people, person, node->number, part, id, &elsewhere);
    if (other && !purchase_before(purchase, &elsewhere))
        return false;
    *ret_known = known || other;
    *ret_former = known && (!other || purchase_before(&here, &elsewhere)) ? here : elsewhere;
    return true;
}

int orders_add(struct people *people, struct node *node, struct person *person,
    const struct purchase_key *key, const struct purchase *order)
{
    bool known = false;
    struct purchase former = {0};
    if (!take_purchase(people, node, person, PART_ORDER, key, order, &known, &former))
        return people->error;
    person->dirty = true;
    if (known && former.time_ms == person->totals.last_order_ms)
        return orders_recount(people, person); /* another order is the last one now */
    if (known)
        totals_remove_order(&person->totals, &former);
    totals_add_order(&person->totals, order);
    return people->error;
}

int refunds_add(struct people *people, struct node *node, struct person *person,
    const struct purchase_key *key, const struct purchase *refund)
{
    bool known = false;
    struct purchase former = {0};
    if (!take_purchase(people, node, person, PART_REFUND, key, refund, &known, &former))
        return people->error;
    person->dirty = true;
    if (known)
        return orders_recount(people, person);
    totals_add_refund(&person->totals, refund);
    return people->error;
}

/* -- all of them -- */

/* The earliest of each purchase, of those before `before_ms`: nothing earlier can be missing then. */
static int collect(struct people *people, const struct person *person, enum people_part part,
    int64_t before_ms, struct purchase_set *set)
{
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        if (!node)
            return people->error;
        if (!node->purchases)
            continue;
        struct store_key prefix;
        key_part(&prefix, node->number, part);
        _cleanup_(scan_close) struct store_scan *scan = NULL;
        int error = scan_open(people->txn, TABLE_PEOPLE, &prefix, NULL, &scan);
        struct bytes key, row;
        while (!error && scan_next(scan, &key, &row)) {
            struct purchase purchase;
            struct purchase_key id;
            if (key.size != prefix.size + sizeof(id.bytes) || !decode_purchase(row, &purchase))
                return -QY_ECORRUPT;
            memcpy(id.bytes, key.data + prefix.size, sizeof(id.bytes));
            if (purchase.time_ms < before_ms)
                error = purchase_set_add(set, &id, &purchase);
        }
        if (error)
            return error;
    }
    return 0;
}

int orders_sum(struct people *people, const struct person *person, int64_t before_ms, struct totals *totals)
{
    _cleanup_(purchase_set_close) struct purchase_set *set = NULL;
    int error = purchase_set_open(&set);
    if (!error)
        error = collect(people, person, PART_ORDER, before_ms, set);
    if (error)
        return error;
    purchase_set_sum_orders(set, totals);
    purchase_set_clear(set);
    error = collect(people, person, PART_REFUND, before_ms, set);
    if (!error)
        purchase_set_sum_refunds(set, totals);
    return error;
}

int orders_recount(struct people *people, struct person *person)
{
    struct totals totals = {0};
    for (size_t i = 0; i < person->node_count; i++) {
        const struct node *node = people_node(people, person->nodes[i].node);
        if (!node)
            return people->error;
        totals_add_seen(&totals, node->events, node->first_seen_ms, node->last_seen_ms);
    }
    int error = orders_sum(people, person, INT64_MAX, &totals);
    if (error)
        return error;
    person->totals = totals;
    person->dirty = true;
    return 0;
}
