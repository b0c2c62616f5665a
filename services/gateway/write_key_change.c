/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/write_key_change.h"

#include "common/waiting_work.h"
#include "services/gateway/write_key_json.h"

struct change {
    struct waiting_work waiting;
    struct gateway *gateway;
    const struct write_key_act *act;
    Quanyu__WriteKey *key;
    struct write_key_snapshot *next; /* what is in force after the commit */
};

/* -- for audit -- */

static void write_state(struct json *json, const char *name, const Quanyu__WriteKey *key, int64_t now_ms)
{
    json_name(json, name);
    if (!key) {
        json_null(json);
        return;
    }
    json_open(json, '{');
    write_key_members(json, key, now_ms);
    json_close(json, '}');
}

static int emit_act(struct change *change, struct batch *batch, const Quanyu__WriteKey *before)
{
    _cleanup_(buffer_free) struct buffer detail = BUFFER_INIT;
    char id[WRITE_KEY_ID_BYTES];
    struct json json = json_to(&detail);
    json_open(&json, '{');
    json_field_text(&json, "id", write_key_id(change->key->source, id));
    write_state(&json, "before", before, batch->now_ms);
    write_state(&json, "after", change->key->removed_ms ? NULL : change->key, batch->now_ms);
    json_close(&json, '}');
    if (buffer_error(&detail))
        return buffer_error(&detail);
    Quanyu__GatewayAct message = QUANYU__GATEWAY_ACT__INIT;
    message.actor = (Quanyu__Actor *)(uintptr_t)change->act->actor;
    message.action = (char *)(uintptr_t)change->act->action;
    message.request_id = (char *)(uintptr_t)change->act->request_id;
    message.detail = (char *)(uintptr_t)buffer_c_str(&detail);
    if (buffer_error(&detail))
        return buffer_error(&detail);
    batch_emit(batch, CLASS_ACT, &message.base);
    return 0;
}

/* -- writer -- */

static int check(const struct change *change, struct batch *batch, const Quanyu__WriteKey *before)
{
    if (store_error(batch->txn))
        return store_error(batch->txn);
    if (change->key->source == 0)
        return write_key_has_room(batch->txn) ? 0 : -QY_ETOOLARGE;
    if (!before || before->removed_ms)
        return -QY_ENOTFOUND;
    return before->version == change->key->version ? 0 : -QY_EOVERTAKEN;
}

static int store(struct change *change, struct batch *batch, const Quanyu__WriteKey *before)
{
    Quanyu__WriteKey *key = change->key;
    key->changed_ms = batch->now_ms;
    key->version++;
    if (key->source == 0) {
        key->source = write_key_last(batch->txn) + 1;
        key->created_ms = batch->now_ms;
    }
    write_key_put(batch->txn, key);
    if (key->removed_ms)
        write_key_prune(batch->txn);
    int error = write_keys_prepare(change->gateway->write_keys, batch->txn, &change->next);
    return error ? error : emit_act(change, batch, before);
}

/* Where what is stored cannot be put in force, the whole batch is taken back. */
static int apply_change(struct work *work, struct batch *batch)
{
    struct change *change = (struct change *)work;
    Quanyu__WriteKey *before =
        change->key->source ? write_key_get(batch->txn, change->key->source, NULL) : NULL;
    int error = check(change, batch, before);
    if (!error && (error = store(change, batch, before)))
        store_fail(batch->txn, error);
    if (before)
        quanyu__write_key__free_unpacked(before, NULL);
    return error;
}

static void settle(struct waiting_work *waiting, int result)
{
    struct change *change = (struct change *)waiting;
    if (result == 0)
        write_keys_install(change->gateway->write_keys, &change->next);
    write_key_snapshot_release(&change->next);
}

int write_key_store(struct gateway *gateway, const struct write_key_act *act, Quanyu__WriteKey *key)
{
    struct change change = {.waiting = {.settle = settle}, .gateway = gateway, .act = act, .key = key};
    return waiting_work_run(gateway->service, &change.waiting, apply_change);
}
