/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical dump: journeys with their counts, then positions, then deliveries, each in key order. No
 * times, and no sequence numbers: they depend on when commands and answers came. */
#include "common/json.h"
#include "services/campaign/campaign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LINES 1000

static void write_counts(struct json *json, const struct counts *counts)
{
    static const char *const names[COUNT_STEP_KINDS] = {
        "entered", "waiting", "left", "delivered", "failed", "unknown", "skipped"};
    for (unsigned i = 0; i < COUNT_STEP_KINDS; i++)
        json_field_unsigned(json, names[i], counts->value[i]);
}

static const char *const state_names[] = {"draft", "active", "paused", "deleted"};

static void write_journey(struct store_txn *txn, const Quanyu__Journey *row, struct buffer *lines)
{
    struct json json = json_to(lines);
    struct journey *journey = NULL;
    json_open(&json, '{');
    json_field_text(&json, "journey", row->id);
    json_field_text(&json, "name", row->name);
    json_field_text(
        &json, "state", (size_t)row->state < COUNT_OF(state_names) ? state_names[row->state] : "");
    json_field_unsigned(&json, "version", row->version);
    struct counts counts = counts_get(txn, row->number, "");
    json_field_unsigned(&json, "entered", counts.value[COUNT_ENTERED]);
    json_field_unsigned(&json, "active", counts.value[COUNT_WAITING]);
    json_field_unsigned(&json, "completed", counts.value[COUNT_LEFT]);
    json_field_unsigned(&json, "exited", counts.value[COUNT_EXITED]);
    json_field_unsigned(&json, "merged", counts.value[COUNT_MERGED]);
    json_field_unsigned(&json, "removed", counts.value[COUNT_REMOVED]);
    json_name(&json, "steps");
    json_open(&json, '[');
    if (journey_parse_stored(row->definition.data, row->definition.len, &journey) == 0)
        for (int i = 0; i < journey->step_count; i++) {
            json_open(&json, '{');
            json_field_text(&json, "step", journey->steps[i].id);
            counts = counts_get(txn, row->number, journey->steps[i].id);
            write_counts(&json, &counts);
            json_close(&json, '}');
        }
    journey_free(&journey);
    json_close(&json, ']');
    json_close(&json, '}');
    buffer_byte(lines, '\n');
}

static int dump_journeys(struct store_txn *txn, const char *from, struct buffer *lines, char ret_cursor[128])
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    int error = arena_open(&arena);
    uint32_t number = (uint32_t)strtoul(from, NULL, 10), last = (uint32_t)meta_last(txn, META_JOURNEYS);
    for (unsigned count = 0; !error && number < last && count < PAGE_LINES; count++) {
        const Quanyu__Journey *row = journey_load(txn, ++number, arena);
        if (row)
            write_journey(txn, row, lines);
    }
    if (number < last)
        snprintf(ret_cursor, 128, "journeys:%u", number);
    else
        snprintf(ret_cursor, 128, "positions:0:0");
    return error;
}

static void write_position(const struct position_row *row, struct buffer *lines)
{
    static const char *const ends[] = {"completed", "exit_when", "joined", "changed", "deleted"};
    static const char *const states[] = {"waiting", "waiting", "ended"};
    struct json json = json_to(lines);
    char node[16], journey[JOURNEY_ID_BYTES];
    const struct position *position = &row->position;
    snprintf(node, sizeof(node), "n:%u", row->node);
    json_open(&json, '{');
    json_field_text(&json, "position", node);
    json_field_text(&json, "journey", journey_id(row->journey, journey));
    json_field_unsigned(&json, "entry", position->entry);
    json_field_text(&json, "state", states[position->state]);
    if (position->state == POSITION_ENDED)
        json_field_text(&json, "end", ends[position->end]);
    else
        json_field_text(&json, "step", position->step);
    json_close(&json, '}');
    buffer_byte(lines, '\n');
}

static int dump_positions(struct store_txn *txn, const char *from, struct buffer *lines, char ret_cursor[128])
{
    char *rest;
    uint32_t node = (uint32_t)strtoul(from, &rest, 10);
    uint32_t journey = *rest == ':' ? (uint32_t)strtoul(rest + 1, NULL, 10) : 0;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    int error = position_scan(txn, node, journey, &scan);
    if (error)
        return error;
    struct position_row row;
    unsigned count = 0;
    while (position_next(scan, &row)) {
        if (count++ == PAGE_LINES) {
            snprintf(ret_cursor, 128, "positions:%u:%u", row.node, row.journey);
            return 0;
        }
        write_position(&row, lines);
    }
    snprintf(ret_cursor, 128, "deliveries:");
    return 0;
}

static void write_delivery(struct store_txn *txn, const struct delivery *delivery, struct buffer *lines)
{
    struct json json = json_to(lines);
    char journey[JOURNEY_ID_BYTES], node[16], person[16];
    snprintf(node, sizeof(node), "n:%u", delivery->node);
    snprintf(person, sizeof(person), "p:%u", person_of(txn, delivery->node));
    json_open(&json, '{');
    json_field_text(&json, "delivery", node);
    json_field_text(&json, "person", person);
    json_field_text(&json, "journey", journey_id(delivery->journey, journey));
    json_field_text(&json, "step", delivery->step);
    json_field_unsigned(&json, "entry", delivery->entry);
    json_field_text(&json, "channel", channel_name((enum channel)delivery->channel));
    json_field_text(&json, "state", delivery_state_name(delivery_public_state(delivery)));
    json_close(&json, '}');
    buffer_byte(lines, '\n');
}

static int dump_deliveries(
    struct store_txn *txn, const char *from, struct buffer *lines, char ret_cursor[128])
{
    struct delivery_cursor cursor;
    _cleanup_(number_list_free) struct number_list numbers = {0};
    if (sodium_hex2bin(cursor.key, sizeof(cursor.key), from, strlen(from), NULL, &cursor.size, NULL))
        return -QY_EINVAL;
    delivery_page(txn, &cursor, PAGE_LINES, &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        struct delivery delivery;
        if (delivery_get(txn, numbers.numbers[i], &delivery))
            write_delivery(txn, &delivery, lines);
    }
    ret_cursor[0] = '\0';
    if (cursor.size > 0) {
        char hex[sizeof(cursor.key) * 2 + 1];
        sodium_bin2hex(hex, sizeof(hex), cursor.key, cursor.size);
        /* node, journey, step and entry: 44 bytes at most */
        snprintf(ret_cursor, 128, "deliveries:%.110s", hex);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*dump)(struct store_txn *txn, const char *from, struct buffer *lines, char ret_cursor[128]);
} parts[] = {
    {"journeys:", dump_journeys},
    {"positions:", dump_positions},
    {"deliveries:", dump_deliveries},
};

int campaign_dump(
    void *self, struct store_txn *txn, const char *cursor, struct buffer *lines, char ret_cursor[128])
{
    (void)self;
    if (!*cursor)
        cursor = parts[0].name;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        size_t size = strlen(parts[i].name);
        if (strncmp(cursor, parts[i].name, size) == 0)
            return parts[i].dump(txn, cursor + size, lines, ret_cursor);
    }
    return -QY_EINVAL;
}
