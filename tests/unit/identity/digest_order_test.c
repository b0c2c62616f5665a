/* SPDX-License-Identifier: Apache-2.0 */
/* Random events of which some identifiers come hashed, against the same events in the clear: who is who comes out the same. */
#include "services/identity/worker.h"
#include "tests/unit/identity/digests.h"

#include <time.h>

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

static void sweep(struct world *world, unsigned nodes)
{
    begin(world);
    assert_int_equal(worker_sweep(world->identity.worker, &world->batch, nodes), 0);
    commit(world);
}

static void set_rules(struct world *world, const char *text)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    Quanyu__IdentityReply reply;
    Quanyu__RulesRequest asked = QUANYU__RULES_REQUEST__INIT;
    asked.whichever = true;
    asked.document = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_CHANGE_RULES;
    request.change_rules = &asked;
    assert_int_equal(ask_to(world, &request, &reply), 0);
    arena_reset(world->arena);
}

/* The same for both, whatever is known hashed by then; applied a part at a time. */
static void change_rules(struct world *hashed, struct world *plain)
{
    char text[1024];
    bool swap = pick(2);
    snprintf(text, sizeof(text),
        "{\"kinds\":[{\"kind\":\"user_id\",\"verified\":\"issued\",\"limit\":%u},{\"kind\":\"member_card\","
        "\"limit\":3},"
        "{\"kind\":\"wechat_unionid\"},{\"kind\":\"%s\",\"limit\":%u,\"busy_after\":%u,\"one_owner\":%s},"
        "{\"kind\":\"%s\",\"joins\":%s},{\"kind\":\"wechat_openid\"},{\"kind\":\"loyalty_no\"},"
        "{\"kind\":\"anonymous_id\",\"verified\":\"never\",\"busy_after\":%u}]}",
        1 + pick(3), swap ? "email" : "phone", 1 + pick(4), 1 + pick(5), pick(2) ? "true" : "false",
        swap ? "phone" : "email", pick(3) ? "true" : "false", 1 + pick(5));
    set_rules(hashed, text);
    set_rules(plain, text);
}

static bool sweeps(struct world *world)
{
    uint64_t done, all;
    return worker_sweeps(world->identity.worker, &done, &all);
}

static uint32_t whose(struct world *world, unsigned value)
{
    uint32_t person = look_up(world, values[value].kind, values[value].text)->person;
    arena_reset(world->arena);
    return person;
}

static void compare(struct world *hashed, struct world *plain, unsigned seed)
{
    uint32_t one[VALUES], other[VALUES];
    for (unsigned i = 0; i < VALUES; i++) {
        one[i] = whose(hashed, i);
        other[i] = whose(plain, i);
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

/* Whoever has an identifier has its digests, also where it joins nothing. */
static void look_up_digests(struct world *world, unsigned seed)
{
    for (unsigned i = 0; i < VALUES; i++)
        for (unsigned algorithm = 0; values[i].hashed && algorithm < DIGEST_COUNT; algorithm++) {
            char kind[40], digest[DIGEST_TEXT_BYTES];
            snprintf(kind, sizeof(kind), "%s_%s", values[i].kind, algorithms[algorithm]);
            hash_text(algorithm, values[i].text, 0, digest);
            uint32_t person = look_up(world, kind, digest)->person;
            arena_reset(world->arena);
            if (person && person != whose(world, i))
                fail_msg("seed %u: the %s of %s is somebody else", seed, kind, values[i].text);
        }
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
        if (pick(30) == 0)
            change_rules(hashed, plain);
        if (sweeps(hashed))
            sweep(hashed, 1 + pick(20));
    }
    for (unsigned i = 0; i < VALUES; i++) { /* all are known in the clear at last */
        char body[4096] = "{\"context\":{\"externalIds\":[";
        append_id(body, values[i].kind, values[i].text, false);
        strcat(body, "]}}"); // NOLINT
        fold(hashed, TRACK, 1000, body);
        fold(plain, TRACK, 1000, body);
    }
    while (sweeps(hashed))
        sweep(hashed, 7);
    while (sweeps(plain))
        sweep(plain, 100);
    compare(hashed, plain, seed);
    look_up_digests(hashed, seed);
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
        cmocka_unit_test(it_makes_no_difference_what_came_hashed_and_when),
    };
    return cmocka_run_group_tests(tests, open_digester, close_digester);
}
