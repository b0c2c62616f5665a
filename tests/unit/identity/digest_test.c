/* SPDX-License-Identifier: Apache-2.0 */
/* Phones and emails that come hashed: whichever came first, they are who they are in the clear. */
#include "tests/unit/identity/digests.h"

#include <dirent.h>
#include <sodium.h>

static void fold_pair(struct world *world, const char *kind, const char *value, const char *user)
{
    char body[512];
    snprintf(body, sizeof(body),
        "{\"userId\":\"%s\",\"context\":{\"externalIds\":[{\"type\":\"%s\",\"id\":\"%s\"}]}}", user, kind,
        value);
    fold(world, IDENTIFY, 1000, body);
}

static void a_digest_is_the_same_before_and_after_its_plain_form(void **state)
{
    static const struct {
        const char *kind, *plain, *forms[DIGEST_FORMS_MAX];
    } cases[] = {
        {"phone", "138 0013 8000", {"+8613800138000", "8613800138000", "13800138000"}},
        {"phone", "+44 7911 123456", {"+447911123456", "447911123456", NULL}},
        {"email", "Li@Example.com", {"li@example.com", NULL, NULL}},
    };
    unsigned seed = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (unsigned algorithm = 0; algorithm < DIGEST_COUNT; algorithm++)
            for (size_t form = 0; form < DIGEST_FORMS_MAX && cases[i].forms[form]; form++)
                for (int first = 0; first < 2; first++) {
                    void *own;
                    char kind[40], digest[DIGEST_TEXT_BYTES];
                    (void)state;
                    set_up(&own);
                    struct world *world = own;
                    snprintf(kind, sizeof(kind), "%s_%s", cases[i].kind, algorithms[algorithm]);
                    hash_text(algorithm, cases[i].forms[form], seed++, digest);
                    /* the index is there because of another one */
                    char other[DIGEST_TEXT_BYTES];
                    hash_text(algorithm, "13900139000", 0, other);
                    fold_pair(world, kind, other, "stranger");
                    if (first)
                        fold_pair(world, kind, digest, "hashed");
                    fold_pair(world, cases[i].kind, cases[i].plain, "plain");
                    if (!first)
                        fold_pair(world, kind, digest, "hashed");
                    /* two accounts are two persons: the one that had it first has it */
                    uint32_t person = look_up(world, kind, digest)->person;
                    assert_int_not_equal(person, 0);
                    assert_int_equal(look_up(world, cases[i].kind, cases[i].plain)->person, person);
                    assert_int_equal(look_up(world, "user_id", first ? "hashed" : "plain")->person, person);
                    assert_int_not_equal(
                        look_up(world, "user_id", first ? "plain" : "hashed")->person, person);
                    assert_int_equal(counts(world).persons, 3);
                    tear_down(&own);
                }
}

static void a_digest_joins_people(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES], body[512];
    hash_text(DIGEST_MD5, "13800138000", 0, digest);
    snprintf(body, sizeof(body),
        "{\"anonymousId\":\"ad\",\"context\":{\"externalIds\":[{\"type\":\"phone\",\"encoding\":\"MD5\","
        "\"id\":\"%s\"}]}}",
        digest);
    fold(world, TRACK, 1000, body);
    check(world, "+1phone_md5@1 +2anonymous_id@1 e1@1(2)");
    fold_pair(world, "phone", "13800138000", "u");
    check(world, "+3user_id@3 +4phone@3 e3@3(4) 3,4:3>1");
    fold(world, TRACK, 1000, body);
    check(world, "e1@1(2)");
    const Quanyu__PersonView *view = look_up(world, "phone_md5", digest);
    assert_int_equal(view->n_identifiers, 4);
    assert_string_equal(view->identifiers[0]->kind, "phone_md5");
    char shown[DIGEST_SHOWN_BYTES];
    snprintf(shown, sizeof(shown), "md5:%.4s…", digest);
    assert_string_equal(view->identifiers[0]->value, shown);
    assert_false(view->identifiers[3]->verified);
}

static void a_known_phone_is_found_by_a_digest_that_nobody_sent(void **state)
{
    struct world *world = *state;
    char one[DIGEST_TEXT_BYTES], other[DIGEST_TEXT_BYTES];
    hash_text(DIGEST_SHA256, "+8613800138000", 0, one);
    hash_text(DIGEST_SHA256, "+8613900139000", 1, other);
    fold_pair(world, "phone", "13800138000", "u");
    assert_int_equal(look_up(world, "phone_sha256", one)->person, 0); /* no index yet */
    fold_pair(world, "phone_sha256", other, "v");
    assert_int_equal(look_up(world, "phone_sha256", one)->person, 1);
    assert_int_equal(look_up(world, "phone_md5", "d41d8cd98f00b204e9800998ecf8427f")->person, 0);
    check(world, "+1user_id@1 +2phone@1 e1@1(2) +3user_id@3 +4phone_sha256@3 e3@3(4)");
}

static void what_needs_no_index_has_none(void **state)
{
    struct world *world = *state;
    struct store_txn *txn;
    for (unsigned i = 0; i < 50; i++) {
        char phone[16], user[16];
        snprintf(phone, sizeof(phone), "138001380%02u", i);
        snprintf(user, sizeof(user), "u%u", i);
        fold_pair(world, "phone", phone, user);
    }
    assert_int_equal(identity_fold.pending(&world->identity), 0);
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    assert_int_equal(store_count(txn, TABLE_DIGESTS), 0);
    store_abort(&txn);
}

/* -- what is decided of a digest -- */

/* Yields the number of the decision that says so, and whether it was there. */
static uint64_t block(struct world *world, const char *kind, const char *value, bool *ret_there)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply;
    Quanyu__DecideRequest decide = QUANYU__DECIDE_REQUEST__INIT;
    Quanyu__IdentifierRef reference = QUANYU__IDENTIFIER_REF__INIT;
    reference.kind = (char *)(uintptr_t)kind;
    reference.value = (char *)(uintptr_t)value;
    decide.what = QUANYU__DECIDE_REQUEST__WHAT__BLOCK;
    decide.identifiers = (Quanyu__IdentifierRef *[]){&reference};
    decide.n_identifiers = 1;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    request.decide = &decide;
    assert_int_equal(ask_to(world, &request, &reply), 0);
    *ret_there = reply.decide->unchanged;
    return reply.decide->decision->number;
}

static void what_is_decided_of_a_digest_holds_for_the_phone(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES];
    hash_text(DIGEST_MD5, "13800138000", 0, digest);
    fold_pair(world, "phone_md5", digest, "u1");
    bool there;
    uint64_t number = block(world, "phone_md5", digest, &there);
    assert_false(there);
    fold_pair(world, "phone", "13800138000", "u2");
    assert_int_equal(block(world, "phone", "13800138000", &there), number);
    assert_true(there);
    assert_int_equal(block(world, "phone_md5", digest, &there), number);
    assert_true(there);
    uint32_t one = look_up(world, "user_id", "u1")->person;
    assert_int_not_equal(look_up(world, "phone", "13800138000")->person, one);

    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply;
    Quanyu__UndoRequest undo = QUANYU__UNDO_REQUEST__INIT;
    undo.number = number;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_UNDO;
    request.undo = &undo;
    assert_int_equal(ask_to(world, &request, &reply), 0);
    assert_int_equal(look_up(world, "phone", "13800138000")->person, one);
}

static bool is_busy(struct world *world, const char *browser)
{
    const struct kinds *known = &world->identity.kinds;
    struct store_txn *txn;
    struct node_place place;
    uint8_t hash[VAULT_HASH_BYTES];
    uint32_t node, person;
    vault_hash(world->identity.vault, "anonymous_id", browser, strlen(browser), hash);
    assert_int_equal(store_begin(world->store, STORE_READ, &txn), 0);
    assert_true(identity_find(&world->identity, txn, known->anonymous_id, hash, &node, &person));
    assert_true(identity_store_place(txn, node, &place));
    store_abort(&txn);
    return place.flags & NODE_BUSY;
}

static void see(struct world *world, const char *browser, unsigned algorithm, const char *text)
{
    char digest[DIGEST_TEXT_BYTES], body[512];
    hash_text(algorithm, text, 0, digest);
    snprintf(body, sizeof(body),
        "{\"anonymousId\":\"%s\",\"context\":{\"externalIds\":[{\"type\":\"phone\",\"encoding\":\"%s\","
        "\"id\":\"%s\"}]}}",
        browser, algorithms[algorithm], digest);
    fold(world, TRACK, 1000, body);
}

static void who_is_busy_is_another_question_once_phones_are_known(void **state)
{
    struct world *world = *state;
    for (unsigned i = 0; i < 6; i++) {
        char phone[32];
        snprintf(phone, sizeof(phone), "+861380013800%u", i);
        see(world, "many", i % 2 ? DIGEST_MD5 : DIGEST_SHA1, phone); /* three of each kind */
        snprintf(phone, sizeof(phone), "%s1380013800%u", i % 2 ? "+86" : "", i / 2);
        see(world, "few", DIGEST_SHA256, phone); /* six of a kind, of three phones */
    }
    assert_false(is_busy(world, "many"));
    assert_true(is_busy(world, "few"));
    for (unsigned i = 0; i < 6; i++) {
        char phone[32], user[8];
        snprintf(phone, sizeof(phone), "+861380013800%u", i);
        snprintf(user, sizeof(user), "u%u", i);
        fold_pair(world, "phone", phone, user);
    }
    assert_true(is_busy(world, "many"));
    assert_false(is_busy(world, "few"));
}

static void a_digest_and_its_phone_are_explained_by_the_hash(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES];
    hash_text(DIGEST_SHA1, "+8613800138000", 0, digest);
    fold_pair(world, "phone_sha1", digest, "u1");
    fold_pair(world, "phone", "13800138000", "u1");
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply;
    Quanyu__ExplainRequest explain = QUANYU__EXPLAIN_REQUEST__INIT;
    Quanyu__IdentifierRef one = QUANYU__IDENTIFIER_REF__INIT, other = QUANYU__IDENTIFIER_REF__INIT;
    one.kind = (char *)(uintptr_t)"phone_sha1";
    one.value = digest;
    other.kind = (char *)(uintptr_t)"phone";
    other.value = (char *)(uintptr_t)"13800138000";
    explain.one = &one;
    explain.other = &other;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_EXPLAIN;
    request.explain = &explain;
    assert_int_equal(ask_to(world, &request, &reply), 0);
    assert_int_equal(reply.explain->n_links, 1);
    assert_string_equal(reply.explain->links[0]->rank, "hash");
}

/* -- the index is made in pieces -- */

#define MANY 9000

static void add_many(struct world *world, unsigned from, unsigned to)
{
    begin(world);
    for (unsigned i = from; i < to; i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"traits\":{\"phone\":\"1380013%04u\"}}", i);
        add(world, IDENTIFY, 1000, body);
    }
    commit(world);
}

static void the_index_is_made_in_pieces_that_outlast_a_crash(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES];
    add_many(world, 0, MANY);
    hash_text(DIGEST_MD5, "13800139998", 0, digest); /* of nobody */
    fold_pair(world, "phone_md5", digest, "u");
    unsigned pieces = 0;
    for (uint64_t left = identity_fold.pending(&world->identity), before = MANY; left > 0; pieces++) {
        assert_true(left < before);
        before = left;
        begin(world); /* a piece that is lost is made again */
        assert_int_equal(identity_fold.finish(&world->identity, &world->batch), 0);
        roll_back(world);
        close_world(world);
        open_world(world);
        begin(world);
        commit(world);
        left = identity_fold.pending(&world->identity);
    }
    assert_true(pieces >= 2);
    for (unsigned i = 0; i < MANY; i += 83) {
        char phone[16];
        snprintf(phone, sizeof(phone), "1380013%04u", i);
        hash_text(DIGEST_MD5, phone, i, digest);
        assert_int_equal(look_up(world, "phone_md5", digest)->person, i + 1);
        arena_reset(world->arena);
    }
}

/* -- nothing of it is kept -- */

static void look_for(const char *path, const char *name, const void *needle, size_t size)
{
    char file[512];
    struct buffer content = BUFFER_INIT;
    snprintf(file, sizeof(file), "%s/%s", path, name);
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    uint8_t piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof(piece), stream)) > 0;)
        buffer_append(&content, piece, got);
    fclose(stream);
    if (content.size && memmem(content.data, content.size, needle, size))
        fail_msg("%s holds the digest", file);
    buffer_free(&content);
}

static void a_digest_is_stored_nowhere(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES], body[512];
    uint8_t bytes[DIGEST_BYTES_MAX];
    hash_text(DIGEST_MD5, "13800138000", 0, digest);
    assert_int_equal(sodium_hex2bin(bytes, sizeof(bytes), digest, 32, NULL, NULL, NULL), 0);
    snprintf(body, sizeof(body),
        "{\"userId\":\"u\",\"traits\":{\"phone_md5\":\"%s\",\"city\":\"x\"},\"properties\":{\"seen\":\"%s\"}"
        "}",
        digest, digest);
    fold(world, IDENTIFY, 1000, body);
    fold_pair(world, "phone", "13800138000", "u");
    fold(world, TRACK, 1000, body);
    const Quanyu__PersonEvent *event = last_event(world);
    assert_null(memmem(event->traits.data, event->traits.len, digest, 32));
    assert_null(memmem(event->properties.data, event->properties.len, digest, 32));
    char path[128];
    snprintf(path, sizeof(path), "%s/state", world->path);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (*entry->d_name != '.') {
            look_for(path, entry->d_name, digest, 32);
            look_for(path, entry->d_name, bytes, 16);
        }
    closedir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_the_same_before_and_after_its_plain_form),
        TEST(a_digest_joins_people),
        TEST(a_known_phone_is_found_by_a_digest_that_nobody_sent),
        TEST(what_needs_no_index_has_none),
        TEST(what_is_decided_of_a_digest_holds_for_the_phone),
        TEST(who_is_busy_is_another_question_once_phones_are_known),
        TEST(a_digest_and_its_phone_are_explained_by_the_hash),
        TEST(the_index_is_made_in_pieces_that_outlast_a_crash),
        TEST(a_digest_is_stored_nowhere),
    };
    return cmocka_run_group_tests(tests, open_digester, close_digester);
}
