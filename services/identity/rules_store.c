/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/identity_store.h"
#include "services/identity/rules.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_BYTES 8
#define SWEEP_BYTES 10
#define FORMER_SWEEP_BYTES 5 /* of nodes alone */

/* The version, and the document as rules_write() has it. */
int rules_load(struct store_txn *txn, const struct kinds *kinds, struct identity_rules *ret_rules)
{
    struct bytes value;
    struct rules_problem problem;
    if (!identity_store_meta(txn, "rules", &value)) {
        rules_reset(ret_rules, kinds);
        return store_error(txn);
    }
    if (value.size < VERSION_BYTES)
        return store_fail(txn, -QY_ECORRUPT);
    yyjson_doc *document =
        yyjson_read((const char *)value.data + VERSION_BYTES, value.size - VERSION_BYTES, 0);
    struct kinds known = *kinds; /* the document names those that there are */
    int error = document ? rules_read(yyjson_doc_get_root(document), false, &known, ret_rules, &problem)
                         : -QY_ECORRUPT;
    yyjson_doc_free(document);
    if (error)
        return error == -QY_EINVAL ? -QY_ECORRUPT : error;
    ret_rules->version = get_be64(value.data);
    return 0;
}

void rules_save(struct store_txn *txn, const struct kinds *kinds, const struct identity_rules *rules)
{
    _cleanup_(buffer_free) struct buffer value = BUFFER_INIT;
    uint8_t version[VERSION_BYTES];
    put_be64(version, rules->version);
    buffer_append(&value, version, sizeof(version));
    rules_write(rules, kinds, &value);
    if (buffer_error(&value))
        store_fail(txn, buffer_error(&value));
    else
        identity_store_put_meta(txn, "rules", value.data, value.size);
}

void sweep_load(struct store_txn *txn, struct sweep_place *ret_place)
{
    struct bytes value;
    *ret_place = (struct sweep_place){.phase = SWEEP_NONE};
    if (!identity_store_meta(txn, "sweep", &value))
        return;
    if ((value.size != SWEEP_BYTES && value.size != FORMER_SWEEP_BYTES) || value.data[0] > SWEEP_EVIDENCE) {
        store_fail(txn, -QY_ECORRUPT);
        return;
    }
    ret_place->phase = (enum sweep_phase)value.data[0];
    bool former = value.size == FORMER_SWEEP_BYTES;
    ret_place->next = former ? get_be32(value.data + 1) : get_be64(value.data + 1);
    ret_place->events = !former && value.data[9];
}

void sweep_save(struct store_txn *txn, const struct sweep_place *place)
{
    uint8_t value[SWEEP_BYTES] = {(uint8_t)place->phase};
    put_be64(value + 1, place->next);
    value[9] = place->events;
    identity_store_put_meta(txn, "sweep", value, sizeof(value));
}

void sweep_progress(const struct sweep_place *place, const struct identity_counters *counters,
    uint64_t *ret_done, uint64_t *ret_all)
{
    uint64_t events = place->events ? counters->latest : 0, nodes = counters->nodes, done = place->next;
    uint64_t most = place->phase == SWEEP_EVIDENCE ? events : nodes;
    const uint64_t before[] = {[SWEEP_NONE] = events + 2 * nodes,
        [SWEEP_EVIDENCE] = 0,
        [SWEEP_FLAGS] = events,
        [SWEEP_PERSONS] = events + nodes};
    if (place->phase == SWEEP_NONE)
        done = 0;
    else if (place->phase != SWEEP_EVIDENCE && done > 0)
        done--;
    *ret_all = events + 2 * nodes;
    *ret_done = before[place->phase] + (done < most ? done : most);
}
