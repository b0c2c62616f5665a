/* SPDX-License-Identifier: Apache-2.0 */
/* Settings on which stored state depends: amounts are in the minor units of one currency, days begin in one zone, time went on by
 * one kind of clock, a phone number without a country is read as one country's. The first start writes them into the state; a
 * start with another value would change in silence what is stored, and is refused. */
#include "common/service_internal.h"

#include <string.h>

static const char *const row_setting = "setting";

static bool get_row(struct service *service, struct store_txn *txn, const char *name, struct store_key *key,
    struct bytes *ret_value)
{
    key_reset(key);
    key_text(key, row_setting);
    key_text(key, name);
    return store_get(txn, service->runtime_table, key, ret_value);
}

static int check_one(struct service *service, struct store_txn *txn, const char *name)
{
    struct store_key key;
    struct bytes known;
    const char *given = config_text(service->config, name);
    if (!get_row(service, txn, name, &key, &known) ||
        (known.size == strlen(given) && memcmp(known.data, given, known.size) == 0))
        return 0;
    return service_refuse_start(service, -QY_ECONFLICT,
        "setting %s: the state in %s was made with %.*s, and %s is given: what is stored depends on it. "
        "Start with %s = %.*s; "
        "another value needs a data directory of its own",
        name, service->state_path, (int)known.size, (const char *)known.data, given, name, (int)known.size,
        (const char *)known.data);
}

int lasting_check(struct service *service)
{
    struct store_txn *txn;
    int error = store_begin(service->store, STORE_READ, &txn);
    if (error)
        return error;
    for (size_t i = 0; !error && i < config_setting_count; i++)
        if (config_settings[i].lasting)
            error = check_one(service, txn, config_settings[i].name);
    if (!error)
        error = store_error(txn);
    store_abort(&txn);
    return error;
}

void lasting_put(struct service *service, struct store_txn *txn)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        struct store_key key;
        struct bytes known;
        const char *name = config_settings[i].name;
        if (!config_settings[i].lasting || get_row(service, txn, name, &key, &known))
            continue;
        const char *given = config_text(service->config, name);
        store_put(txn, service->runtime_table, &key, given, strlen(given));
    }
}
