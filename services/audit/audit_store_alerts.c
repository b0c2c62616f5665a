/* SPDX-License-Identifier: Apache-2.0 */
/* Audit's tables of alerts and of what auditors have set. */
#include "services/audit/audit_store.h"

#include <string.h>

static void alert_key(struct store_key *key, const uint8_t id[ALERT_KEY_BYTES])
{
    key_reset(key);
    key_raw(key, id, ALERT_KEY_BYTES);
}

void audit_store_put_alert(struct store_txn *txn, const uint8_t id[ALERT_KEY_BYTES], struct bytes alert)
{
    struct store_key key;
    alert_key(&key, id);
    store_put(txn, TABLE_ALERTS, &key, alert.data, alert.size);
}

bool audit_store_alert(struct store_txn *txn, const uint8_t id[ALERT_KEY_BYTES], struct bytes *ret_alert)
{
    struct store_key key;
    alert_key(&key, id);
    return store_get(txn, TABLE_ALERTS, &key, ret_alert);
}

void audit_store_each_alert(struct store_txn *txn, const uint8_t *before,
    bool (*visit)(void *context, const uint8_t key[ALERT_KEY_BYTES], struct bytes alert), void *context)
{
    struct store_key all, from;
    struct bytes key, value;
    _cleanup_(scan_close) struct store_scan *scan = NULL;
    key_reset(&all);
    if (before)
        alert_key(&from, before);
    if (scan_open_reverse(txn, TABLE_ALERTS, &all, before ? &from : NULL, &scan))
        return;
    while (scan_next(scan, &key, &value)) {
        if (key.size != ALERT_KEY_BYTES || (before && memcmp(key.data, before, ALERT_KEY_BYTES) == 0))
            continue;
        if (!visit(context, key.data, value))
            return;
    }
}

static void setting_key(struct store_key *key, const char *name)
{
    key_reset(key);
    key_text(key, name);
}

void audit_store_put_setting(struct store_txn *txn, const char *name, struct bytes value)
{
    struct store_key key;
    setting_key(&key, name);
    store_put(txn, TABLE_SETTINGS, &key, value.data, value.size);
}

bool audit_store_setting(struct store_txn *txn, const char *name, struct bytes *ret_value)
{
    struct store_key key;
    setting_key(&key, name);
    return store_get(txn, TABLE_SETTINGS, &key, ret_value);
}
