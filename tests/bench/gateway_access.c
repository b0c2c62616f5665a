/* SPDX-License-Identifier: Apache-2.0 */
/* How long it takes to find out who asks and what they may do: from a token's text to permissions and scope, as each request does, and
 * how long one password takes. Usage: bench_gateway_access DIRECTORY STAFF. DIRECTORY must not hold state. */
#include "services/gateway/access.h"
#include "services/gateway/gateway.h"
#include "services/gateway/password.h"
#include "tests/bench/measure.h"

#include <sodium.h>
#include <string.h>

#define QUESTIONS 200000u
#define PASSWORDS 5

static void token_text(uint32_t number, char ret_text[SECRET_TEXT_BYTES])
{
    snprintf(ret_text, SECRET_TEXT_BYTES, "qt_token-of-member-%u", number);
}

static void put(struct store_txn *txn, uint32_t number)
{
    char text[SECRET_TEXT_BYTES], code[STAFF_CODE_BYTES];
    uint8_t hash[SECRET_HASH_BYTES], sealed[160] = {0};
    Quanyu__Staff staff = QUANYU__STAFF__INIT;
    Quanyu__Credential token = QUANYU__CREDENTIAL__INIT;
    snprintf(code, sizeof(code), "E-%u", number);
    staff.number = token.number = token.staff = number;
    staff.code = code;
    staff.role = (char *)(uintptr_t)role_standard[number % ROLE_STANDARD_COUNT].name;
    staff.unit = 1 + number % 50000;
    staff.state = QUANYU__STAFF__STATE__ACTIVE;
    staff.sealed = (ProtobufCBinaryData){.data = sealed, .len = sizeof(sealed)};
    token.name = (char *)"till";
    token_text(number, text);
    secret_hash(text, strlen(text), hash);
    staff_put(txn, &staff, NULL);
    credential_put(txn, hash, &token);
}

static struct store *fill(const char *directory, uint32_t staff)
{
    struct store *store;
    struct store_txn *txn;
    const struct store_options options = {.path = directory,
        .tables = gateway_tables,
        .table_count = GATEWAY_TABLE_COUNT,
        .map_bytes = UINT64_C(1) << 32,
        .schema_version = GATEWAY_SCHEMA_VERSION,
        .migrations = gateway_migrations,
        .migration_count = GATEWAY_MIGRATIONS};
    check(store_open(&options, &store), "state");
    check(store_begin(store, STORE_WRITE, &txn), "state");
    for (uint32_t number = 1; number <= staff; number++)
        put(txn, number);
    check(store_commit(&txn), "state");
    return store;
}

static double ask(struct store *store, const struct gateway *gateway, uint32_t number)
{
    char text[SECRET_TEXT_BYTES];
    uint8_t hash[SECRET_HASH_BYTES];
    struct store_txn *txn;
    struct access access;
    token_text(number, text);
    double begun = now(CLOCK_MONOTONIC);
    secret_hash(text, strlen(text), hash);
    check(store_begin(store, STORE_READ, &txn), "state");
    check(access_read(gateway, txn, hash, 1000, &access), "access");
    store_abort(&txn);
    return now(CLOCK_MONOTONIC) - begun;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double password_seconds(void)
{
    char hash[PASSWORD_HASH_BYTES];
    double begun = now(CLOCK_MONOTONIC);
    for (int i = 0; i < PASSWORDS; i++)
        check(password_hash("violet tractor hums", hash), "password");
    return (now(CLOCK_MONOTONIC) - begun) / PASSWORDS;
}

int main(int argc, char **argv)
{
    static struct gateway gateway = {.session_idle_ms = 1000};
    static double seconds[QUESTIONS];
    if (argc != 3 || sodium_init() < 0)
        return 2;
    uint64_t seed = 7;
    double sum = 0;
    uint32_t staff = (uint32_t)strtoul(argv[2], NULL, 10);
    struct store *store = fill(argv[1], staff);
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        seconds[i] = ask(store, &gateway, 1 + (uint32_t)pick_below(&seed, staff));
        sum += seconds[i];
    }
    qsort(seconds, QUESTIONS, sizeof(*seconds), compare);
    printf("rights: %.2f us, 99 %% within %.2f us\n", sum / QUESTIONS * 1e6,
        seconds[QUESTIONS / 100 * 99] * 1e6);
    printf("password: %.1f ms\n", password_seconds() * 1e3);
    store_close(&store);
    return 0;
}
