/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: kept, each with a record of its own, and acknowledged. One a member of staff, day and rule (and person, where the rule is about one);
 * raised again, and open again, when it has doubled. */
#ifndef QY_AUDIT_ALERTS_H
#define QY_AUDIT_ALERTS_H

#include "services/audit/alert_rules.h"
#include "services/audit/audit.h"
#include "services/audit/audit_store.h"

#define ALERT_ID_BYTES (3 + 2 * ALERT_KEY_BYTES + 1) /* "al_…" */
#define ALERT_NOTE_BYTES_MAX 1000u

/* The rules in force; the standard where nobody has set any. */
int audit_alert_rules(struct store_txn *txn, struct alert_rules *ret_rules);
void audit_alert_set_rules(struct store_txn *txn, const struct alert_rules *rules);

void audit_alert_key(const Quanyu__AuditAlert *alert, uint8_t ret_key[ALERT_KEY_BYTES]);
const char *audit_alert_id(const uint8_t key[ALERT_KEY_BYTES], char text[ALERT_ID_BYTES]);
bool audit_alert_parse_id(const char *text, uint8_t ret_key[ALERT_KEY_BYTES]);
/* NULL where there is none, or memory is out. */
Quanyu__AuditAlert *audit_alert_get(
    struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], struct arena *arena);
int audit_alert_put(
    struct store_txn *txn, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert);
/* An object, as auditors and webhooks get it. */
void audit_alert_write(
    struct json *json, const uint8_t key[ALERT_KEY_BYTES], const Quanyu__AuditAlert *alert);

/* Writer thread: puts it on record, unless it is there already, and more than half as large. Errors as audit_take(). */
int audit_alert_raise(struct audit *audit, struct batch *batch, Quanyu__AuditAlert *alert);

#endif
