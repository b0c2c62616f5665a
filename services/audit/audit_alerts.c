/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_alerts.h"

#include "common/clock.h"
#include "common/error.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RULES "alert_rules"
#define ID_PREFIX "al_"

/* -- rules -- */

int audit_alert_rules(struct store_txn *txn, struct alert_rules *ret_rules)
{
    struct bytes text;
    char field[ALERT_FIELD_BYTES];
    alert_rules_standard(ret_rules);
    if (audit_store_setting(txn, RULES, &text) && alert_rules_parse(text, ret_rules, field))
        return -QY_ECORRUPT;
    return store_error(txn);
}

void audit_alert_set_rules(struct store_txn *txn, const struct alert_rules *rules)
{
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    struct json json = json_to(&text);
    alert_rules_write(rules, true, &json);
    if (buffer_error(&text))
        store_fail(txn, buffer_error(&text));
    else
        audit_store_put_setting(txn, RULES, (struct bytes){text.data, text.size});
}

/* -- rows -- */

void audit_alert_key(const Quanyu__AuditAlert *alert, uint8_t ret_key[ALERT_KEY_BYTES])
{
    static const uint8_t seed[crypto_shorthash_KEYBYTES];
    char text[256];
    snprintf(text, sizeof(text), "%s\n%s\n%s", alert->actor, alert->rule, alert->person_number);
    put_be32(ret_key, (uint32_t)(alert->day_ms / 60000)); /* minutes: days begin at some in every zone */
    crypto_shorthash(ret_key + 4, (const uint8_t *)text, strlen(text), seed);
}

const char *audit_alert_id(const uint8_t key[ALERT_KEY_BYTES], char text[ALERT_ID_BYTES])
{
    memcpy(text, ID_PREFIX, 3);
    sodium_bin2hex(text + 3, ALERT_ID_BYTES - 3, key, ALERT_KEY_BYTES);
    return text;
}

bool audit_alert_parse_id(const char *text, uint8_t ret_key[ALERT_KEY_BYTES])
{
    size_t size;
    return strlen(text) == ALERT_ID_BYTES - 1 && strncmp(text, ID_PREFIX, 3) == 0 &&
           sodium_hex2bin(ret_key, ALERT_KEY_BYTES, text + 3, 2 * ALERT_KEY_BYTES, NULL, &size, NULL) == 0 &&
           size == ALERT_KEY_BYTES;
}

Quanyu__AuditAlert *audit_alert_get(
    struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], struct arena *arena)
{
    struct bytes row;
    return audit_store_alert(txn, key, &row)
               ? quanyu__audit_alert__unpack(arena_allocator(arena), row.size, row.data)
               : NULL;
}

int audit_alert_put(
    struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    if (audit_store_pack(txn, &alert->base, &row) == 0)
        audit_store_put_alert(txn, key, (struct bytes){row.data, row.size});
    return store_error(txn);
}

static void write_what(struct json *json, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert)
{
    char id[ALERT_ID_BYTES];
    json_field_text(json, "id", audit_alert_id(key, id));
    json_field_text(json, "rule", alert->rule);
    json_field_text(json, "actor", alert->actor);
    json_field_optional(json, "role", alert->role);
    json_field_optional(json, "unit", alert->unit);
    json_field_text(json, "day", alert->day);
    json_field_unsigned(json, "value", alert->value);
    json_name(json, "usual");
    json_decimal(json, alert->usual);
    json_name(json, "bound");
    json_decimal(json, alert->bound);
    json_field_optional(json, "person_number", alert->person_number);
}

void audit_alert_write(struct json *json, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert)
{
    json_open(json, '{');
    write_what(json, key, alert);
    json_field_time(json, "raised_at", alert->raised_ms);
    json_field_number(json, "record", alert->record);
    if (alert->acknowledged_ms) {
        json_field_time(json, "acknowledged_at", alert->acknowledged_ms);
        json_field_text(json, "acknowledged_by", alert->acknowledged_by);
        json_field_text(json, "note", alert->note);
    }
    json_close(json, '}');
}

/* -- raising -- */

static int record_alert(
    struct audit *audit, struct batch *batch, const uint8_t key[ALERT_KEY_BYTES], Quanyu__AuditAlert *alert)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    Quanyu__Actor actor = QUANYU__ACTOR__INIT;
    Quanyu__AuditRecord record = QUANYU__AUDIT_RECORD__INIT;
    struct json json = json_to(&detail);
    json_open(&json, '{');
    write_what(&json, key, alert);
    json_close(&json, '}');
    actor.kind = QUANYU__ACTOR__KIND__SERVICE;
    actor.id = (char *)"audit";
    record.actor = &actor;
    record.action = (char *)"alert.raise";
    record.outcome = (char *)"ok";
    record.service = (char *)"audit";
    record.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    int error =
        buffer_error(&detail) ? buffer_error(&detail) : audit_take(audit, batch, &record, &alert->record);
    alert->raised_ms = record.time_ms;
    return error;
}

/* Whether it was raised already, when it was more than half of what it is now. */
static int was_raised(
    struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], uint32_t value, bool *ret_raised)
{
    _cleanup_(arena_close) struct arena *arena = NULL;
    struct bytes row;
    *ret_raised = false;
    if (!audit_store_alert(txn, key, &row))
        return store_error(txn);
    int error = arena_open(&arena);
    const Quanyu__AuditAlert *there = error ? NULL : audit_alert_get(txn, key, arena);
    *ret_raised = there && value / 2 < there->value;
    return error;
}

int audit_alert_raise(struct audit *audit, struct batch *batch, Quanyu__AuditAlert *alert)
{
    uint8_t key[ALERT_KEY_BYTES];
    bool raised;
    audit_alert_key(alert, key);
    int known = was_raised(batch->txn, key, alert->value, &raised);
    if (known || raised)
        return known ? store_fail(batch->txn, known) : 0;
    int error = record_alert(audit, batch, key, alert);
    return error ? error : audit_alert_put(batch->txn, key, alert);
}
