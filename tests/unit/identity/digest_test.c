/* SPDX-License-Identifier: Apache-2.0 */
/* Phones and emails that come hashed: whichever came first, they are who they are in the clear. */
#include "services/identity/digester.h"
#include "services/identity/handlers.h"
#include "tests/unit/identity/world.h"

#include <dirent.h>
#include <sodium.h>
#include <time.h>

static const char *const algorithms[DIGEST_COUNT] = {
    [DIGEST_MD5] = "md5", [DIGEST_SHA1] = "sha1", [DIGEST_SHA256] = "sha256"};

static struct digester *digester;

static int open_digester(void **state)
{
    (void)state;
    return digester_open(&digester);
}

static int close_digester(void **state)
{
    (void)state;
    digester_close(&digester);
    return 0;
}

/* In hexadecimal, with capitals where `seed` is odd. */
static void hash_text(unsigned algorithm, const char *text, unsigned seed, char ret_text[DIGEST_TEXT_BYTES])
{
    assert_int_equal(digester_text(digester, (enum digest_algorithm)algorithm, text, ret_text), 0);
    for (char *c = ret_text; *c && seed % 2; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 0x20 : *c);
}

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

static int ask_to(struct world *world, Quanyu__IdentityRequest *request, Quanyu__IdentityReply *reply)
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

static uint64_t block(struct world *world, const char *kind, const char *value)
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
    return reply.decide->unchanged ? 0 : reply.decide->decision->number;
}

static void what_is_decided_of_a_digest_holds_for_the_phone(void **state)
{
    struct world *world = *state;
    char digest[DIGEST_TEXT_BYTES];
    hash_text(DIGEST_MD5, "13800138000", 0, digest);
    fold_pair(world, "phone_md5", digest, "u1");
    uint64_t number = block(world, "phone_md5", digest);
    assert_int_equal(number, 1);
    fold_pair(world, "phone", "13800138000", "u2");
    assert_int_equal(block(world, "phone", "13800138000"), 0); /* it is */
    assert_int_equal(block(world, "phone_md5", digest), 0);
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
    static const char *const places[] = {"state", "journal"};
    char digest[DIGEST_TEXT_BYTES], body[512];
    uint8_t bytes[DIGEST_BYTES_MAX];
    hash_text(DIGEST_MD5, "13800138000", 0, digest);
    assert_int_equal(sodium_hex2bin(bytes, sizeof(bytes), digest, 32, NULL, NULL, NULL), 0);
    snprintf(body, sizeof(body),
        "{\"userId\":\"u\",\"traits\":{\"phone_md5\":\"%s\",\"city\":\"x\"},\"properties\":{\"seen\":\"%s\"}"
        "}",
        digest, digest);
    fold(world, IDENTIFY, 1000, body);
    fold(world, TRACK, 1000, body);
    fold_pair(world, "phone", "13800138000", "u");
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", world->path, places[i]);
        DIR *directory = opendir(path);
        assert_non_null(directory);
        for (struct dirent *entry; (entry = readdir(directory));)
            if (*entry->d_name != '.') {
                look_for(path, entry->d_name, digest, 32);
                look_for(path, entry->d_name, bytes, 16);
            }
        closedir(directory);
    }
}

/* -- it makes no difference which came first -- */

#define EVENTS 160
#define CARRIED 4
#define VALUES 36

static const struct {
    const char *kind, *format;
    unsigned count;
    bool hashed; /* may come so */
} kinds[] = {
    {"user_id", "u-%u", 6, false},
    {"member_card", "c-%u", 6, false},
    {"phone", "+861380013%04u", 8, true},
    {"email", "p%u@example.com", 6, true},
    {"anonymous_id", "a-%u", 10, false},
};

static struct shown {
    const char *kind;
    char text[64];
    bool hashed;
} values[VALUES];

static void make_values(void)
{
    unsigned count = 0;
    for (unsigned kind = 0; kind < COUNT_OF(kinds); kind++)
        for (unsigned i = 0; i < kinds[kind].count; i++) {
            values[count].kind = kinds[kind].kind;
            values[count].hashed = kinds[kind].hashed;
            snprintf(values[count++].text, sizeof(values->text), kinds[kind].format, i); // NOLINT
        }
    assert_int_equal(count, VALUES);
}

static unsigned pick(unsigned count)
{
    return (unsigned)rand() % count; // NOLINT: repeatable
}

static void append_id(char body[4096], const char *kind, const char *id, bool verified)
{
    size_t used = strlen(body);
    snprintf(body + used, 4096 - used, "%s{\"type\":\"%s\",\"id\":\"%s\",\"verified\":%s}",
        body[used - 1] == '[' ? "" : ",", kind, id, verified ? "true" : "false");
}

static void append_hashed(char body[4096], const struct shown *value)
{
    char kind[40], digest[DIGEST_TEXT_BYTES];
    unsigned algorithm = pick(DIGEST_COUNT);
    size_t skip = *value->text == '+' ? (size_t[]){0, 1, 3}[pick(3)] : 0;
    snprintf(kind, sizeof(kind), "%s_%s", value->kind, algorithms[algorithm]);
    hash_text(algorithm, value->text + skip, pick(2), digest);
    append_id(body, kind, digest, pick(2));
}

static bool carries(const unsigned *carried, unsigned count, unsigned value)
{
    for (unsigned i = 0; i < count; i++)
        if (carried[i] == value || (values[value].hashed && values[carried[i]].kind == values[value].kind))
            return true; /* of two that came with one event, the one that is older counts first */
    return false;
}

/* The same event with some values hashed, and with all in the clear. */
static void make_event(char hashed[4096], char plain[4096])
{
    static const char head[] = "{\"context\":{\"externalIds\":[";
    unsigned carried[CARRIED], count = 0, wanted = 1 + pick(CARRIED);
    snprintf(hashed, 4096, head);
    snprintf(plain, 4096, head);
    while (count < wanted) {
        unsigned value = pick(VALUES);
        if (carries(carried, count, value))
            continue;
        carried[count++] = value;
        const struct shown *shown = &values[value];
        unsigned how = shown->hashed ? pick(5) : 4; /* hashed, once or twice, or both, or plain */
        bool verified = how >= 3 && pick(2);
        append_id(plain, shown->kind, shown->text, verified);
        if (how >= 3)
            append_id(hashed, shown->kind, shown->text, verified);
        for (unsigned i = 0; how < 4 && i < 1 + how % 2; i++)
            append_hashed(hashed, shown);
    }
    strcat(hashed, "]}}"); // NOLINT: there is room
    strcat(plain, "]}}");  // NOLINT
}

static void fold_maybe_twice(struct world *world, const char *body)
{
    if (pick(9) == 0) {
        begin(world);
        add(world, TRACK, 1000, body);
        assert_int_equal(identity_fold.finish(&world->identity, &world->batch), 0);
        roll_back(world);
        world->offset--;
    }
    fold(world, TRACK, 1000, body);
    if (pick(40) == 0) {
        close_world(world);
        open_world(world);
    }
}

/* Takes an event back, or a decision so (where its number is given). False: there is nothing to take back. */
static bool take_back(struct world *world, uint64_t evidence, uint64_t number)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply;
    Quanyu__DecideRequest decide = QUANYU__DECIDE_REQUEST__INIT;
    Quanyu__UndoRequest undo = QUANYU__UNDO_REQUEST__INIT;
    decide.what = QUANYU__DECIDE_REQUEST__WHAT__WITHDRAW;
    decide.evidence = evidence;
    undo.number = number;
    request.call_case = number ? QUANYU__IDENTITY_REQUEST__CALL_UNDO : QUANYU__IDENTITY_REQUEST__CALL_DECIDE;
    if (number)
        request.undo = &undo;
    else
        request.decide = &decide;
    int error = ask_to(world, &request, &reply);
    arena_reset(world->arena);
    return error == 0;
}

static uint32_t person_of(struct world *world, unsigned value)
{
    uint32_t person = look_up(world, values[value].kind, values[value].text)->person;
    arena_reset(world->arena);
    return person;
}

static void compare(struct world *hashed, struct world *plain, unsigned seed)
{
    uint32_t one[VALUES], other[VALUES];
    for (unsigned i = 0; i < VALUES; i++) {
        one[i] = person_of(hashed, i);
        other[i] = person_of(plain, i);
    }
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned k = 0; k < i; k++)
            if ((one[i] == one[k]) != (other[i] == other[k]))
                fail_msg("seed %u: %s and %s are %s, and would be %s had they come in the clear", seed,
                    values[i].text, values[k].text, one[i] == one[k] ? "one" : "two",
                    other[i] == other[k] ? "one" : "two");
    assert_int_equal(counts(hashed).persons, counts(plain).persons);
    assert_int_equal(counts(hashed).conflicts, counts(plain).conflicts);
}

static void run(unsigned seed)
{
    void *one, *other;
    uint64_t taken_back = 0;
    srand(seed);
    set_up(&one);
    set_up(&other);
    struct world *hashed = one, *plain = other;
    for (unsigned i = 0; i < EVENTS; i++) {
        char with[4096], without[4096];
        make_event(with, without);
        fold_maybe_twice(hashed, with);
        fold(plain, TRACK, 1000, without);
        uint64_t evidence = pick(i + 1);
        uint64_t number = taken_back && pick(3) == 0 ? 1 + pick((unsigned)taken_back) : 0;
        if (pick(8) == 0 && take_back(plain, evidence, number)) {
            assert_true(take_back(hashed, evidence, number));
            taken_back += !number;
        }
    }
    for (unsigned i = 0; i < VALUES; i++) { /* all are known in the clear at last */
        char body[4096] = "{\"context\":{\"externalIds\":[";
        append_id(body, values[i].kind, values[i].text, false);
        strcat(body, "]}}"); // NOLINT
        fold(hashed, TRACK, 1000, body);
        fold(plain, TRACK, 1000, body);
    }
    compare(hashed, plain, seed);
    tear_down(&one);
    tear_down(&other);
}

static void it_makes_no_difference_what_came_hashed_and_when(void **state)
{
    (void)state;
    const char *fixed = getenv("QUANYU_SEED");
    unsigned first = fixed ? (unsigned)strtoul(fixed, NULL, 10) : (unsigned)time(NULL);
    make_values();
    for (unsigned i = 0; i < 3; i++)
        run(first + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_the_same_before_and_after_its_plain_form),
        TEST(a_digest_joins_people),
        TEST(a_known_phone_is_found_by_a_digest_that_nobody_sent),
        TEST(what_needs_no_index_has_none),
        TEST(what_is_decided_of_a_digest_holds_for_the_phone),
        TEST(a_digest_and_its_phone_are_explained_by_the_hash),
        TEST(the_index_is_made_in_pieces_that_outlast_a_crash),
        TEST(a_digest_is_stored_nowhere),
        cmocka_unit_test(it_makes_no_difference_what_came_hashed_and_when),
    };
    return cmocka_run_group_tests(tests, open_digester, close_digester);
}
