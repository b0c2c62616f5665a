/* SPDX-License-Identifier: Apache-2.0 */
/* Digests for tests, and decisions about them. */
#ifndef QY_TESTS_IDENTITY_DIGESTS_H
#define QY_TESTS_IDENTITY_DIGESTS_H

#include "services/identity/digester.h"
#include "services/identity/handlers.h"
#include "tests/unit/identity/world.h"

static const char *const algorithms[DIGEST_COUNT] = {
    [DIGEST_MD5] = "md5", [DIGEST_SHA1] = "sha1", [DIGEST_SHA256] = "sha256"};

static struct digester *digester;

static inline int open_digester(void **state)
{
    (void)state;
    return digester_open(&digester);
}

static inline int close_digester(void **state)
{
    (void)state;
    digester_close(&digester);
    return 0;
}

/* In hexadecimal, with capitals where `seed` is odd. */
static inline void hash_text(
    unsigned algorithm, const char *text, unsigned seed, char ret_text[DIGEST_TEXT_BYTES])
{
    assert_int_equal(digester_text(digester, (enum digest_algorithm)algorithm, text, ret_text), 0);
    for (char *c = ret_text; *c && seed % 2; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 0x20 : *c);
}

static inline int ask_to(struct world *world, Quanyu__IdentityRequest *request, Quanyu__IdentityReply *reply)
{
    static Quanyu__Header header;
    static Quanyu__Actor actor;
    quanyu__header__init(&header);
    quanyu__actor__init(&actor);
    header.actor = &actor;
    begin(world);
    struct rpc_context context = {.self = &world->identity,
        .header = &header,
        .arena = world->arena,
        .txn = world->batch.txn,
        .batch = &world->batch};
    quanyu__identity_reply__init(reply);
    int error = identity_rpc.handlers[request->call_case].handle(&context, &request->base, &reply->base);
    commit(world);
    return error;
}

#endif
