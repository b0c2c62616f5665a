/* SPDX-License-Identifier: Apache-2.0 */
/* Why identifiers are one person or are not, how a person came to be, and what people should look at. Each look is on record. */
#include "services/gateway/disclosure.h"
#include "services/gateway/identity_json.h"
#include "services/gateway/identity_ref.h"
#include "services/gateway/visible_page.h"

#include <string.h>

/* -- links -- */

/* Of a list of links those whose persons the caller sees both, and these persons. */
struct links {
    Quanyu__LinkView **links;
    size_t count;
    struct persons persons;
};

static int links_make(struct api_call *call, size_t room, struct links *ret_links)
{
    *ret_links = (struct links){.links = arena_alloc(call->arena, (room + 1) * sizeof(void *))};
    return ret_links->links ? persons_make(call, 2 * room + 2, &ret_links->persons) : -QY_ENOMEM;
}

static int visible_of_links(
    struct api_call *call, Quanyu__LinkView **links, size_t count, struct visible *ret_visible)
{
    uint32_t *numbers = arena_alloc(call->arena, (2 * count + 1) * sizeof(*numbers));
    if (!numbers)
        return -QY_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        numbers[2 * i] = links[i]->one_person;
        numbers[2 * i + 1] = links[i]->other_person;
    }
    return visible_find(call, numbers, 2 * count, ret_visible);
}

static bool sees_link(const struct visible *visible, const Quanyu__LinkView *link)
{
    return visible_has(visible, link->one_person) && visible_has(visible, link->other_person);
}

static void add_link(struct links *links, Quanyu__LinkView *link)
{
    links->links[links->count++] = link;
    persons_add(&links->persons, link->one_person, link->one_one_id);
    persons_add(&links->persons, link->other_person, link->other_one_id);
}

static int see_links(struct api_call *call, Quanyu__LinkView **links, size_t count, struct links *ret_links)
{
    struct visible visible;
    int error = links_make(call, count, ret_links);
    if (!error)
        error = visible_of_links(call, links, count, &visible);
    for (size_t i = 0; !error && i < count; i++)
        if (sees_link(&visible, links[i]))
            add_link(ret_links, links[i]);
    return error;
}

static void write_links(struct api_call *call, struct json *json, const struct links *links)
{
    bool personal = disclosure_of(call->permissions).personal;
    struct write_key_snapshot *keys = write_keys_hold(call->gateway->write_keys);
    for (size_t i = 0; i < links->count; i++)
        identity_json_link(json, links->links[i], keys, personal);
    write_key_snapshot_release(&keys);
}

static int record_persons(struct api_call *call, const char *action, const struct persons *persons)
{
    return api_record_page(call, action, persons->numbers, persons->one_ids, persons->count);
}

/* -- two identifiers -- */

#define EXPLAIN "identity.explain"

static int ask_why(struct api_call *call, struct identity_ref *one, struct identity_ref *other,
    const Quanyu__ExplainReply **ret_reply)
{
    Quanyu__ExplainRequest question = QUANYU__EXPLAIN_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question.one = &one->ref;
    question.other = &other->ref;
    question.personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_EXPLAIN;
    request.explain = &question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_reply = reply->explain;
    return error;
}

static void write_why(struct api_call *call, const Quanyu__ExplainReply *why, const struct links *links)
{
    bool same = why->one_person == why->other_person;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_bool(&json, "one_person", same);
    json_name(&json, "persons");
    json_open(&json, '[');
    json_text(&json, why->one_one_id);
    if (!same)
        json_text(&json, why->other_one_id);
    json_close(&json, ']');
    json_name(&json, "links");
    json_open(&json, '[');
    write_links(call, &json, links);
    json_close(&json, ']');
    json_close(&json, '}');
}

int identifier_explain(struct api_call *call)
{
    struct identity_ref one, other;
    const Quanyu__ExplainReply *why;
    struct links links;
    int error = identity_ref_read(call, "one", &one);
    if (!error)
        error = identity_ref_read(call, "other", &other);
    if (!error)
        error = identity_ref_find(call, EXPLAIN, &one);
    if (!error)
        error = identity_ref_find(call, EXPLAIN, &other);
    if (!error)
        error = ask_why(call, &one, &other, &why);
    if (!error)
        error = see_links(call, why->links, why->n_links, &links);
    if (error)
        return error;
    persons_add(&links.persons, why->one_person, why->one_one_id);
    persons_add(&links.persons, why->other_person, why->other_one_id);
    error = record_persons(call, EXPLAIN, &links.persons);
    if (!error)
        write_why(call, why, &links);
    return error;
}

/* -- how a person came to be -- */

/* One IDs that entries name, and who of them the caller sees. */
struct named {
    char **one_ids;
    size_t count;
    uint32_t *numbers;
    struct visible visible;
};

static void name(struct named *named, char *one_id)
{
    for (size_t i = 0; i < named->count; i++)
        if (strcmp(named->one_ids[i], one_id) == 0)
            return;
    if (*one_id)
        named->one_ids[named->count++] = one_id;
}

static int find_numbers(struct api_call *call, struct named *named)
{
    Quanyu__NumbersRequest question = QUANYU__NUMBERS_REQUEST__INIT;
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question.n_one_ids = named->count;
    question.one_ids = named->one_ids;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_NUMBERS;
    request.numbers = &question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error && reply->numbers->n_persons != named->count)
        error = -QY_ECORRUPT;
    if (!error)
        named->numbers = reply->numbers->persons;
    return error;
}

static int see_named(struct api_call *call, const Quanyu__HistoryReply *history, struct named *ret_named)
{
    *ret_named = (struct named){.visible = {.all = !call->actor.scope}};
    ret_named->one_ids = arena_alloc(call->arena, (2 * history->n_entries + 1) * sizeof(char *));
    if (!ret_named->one_ids)
        return -QY_ENOMEM;
    for (size_t i = 0; i < history->n_entries; i++) {
        name(ret_named, history->entries[i]->from_one_id);
        name(ret_named, history->entries[i]->to_one_id);
    }
    if (ret_named->visible.all || ret_named->count == 0)
        return 0;
    int error = find_numbers(call, ret_named);
    return error ? error : visible_find(call, ret_named->numbers, ret_named->count, &ret_named->visible);
}

/* A person who is not the caller's to see is not named. */
static void write_named(struct json *json, const char *member, const struct named *named, const char *one_id)
{
    bool seen = named->visible.all;
    for (size_t i = 0; !seen && i < named->count; i++)
        seen = strcmp(named->one_ids[i], one_id) == 0 && visible_has(&named->visible, named->numbers[i]);
    if (seen)
        json_field_optional(json, member, one_id);
}

static void write_entry(const struct api_call *call, struct json *json,
    const Quanyu__HistoryReply__Entry *entry, const struct named *named, bool personal)
{
    char id[DECISION_ID_BYTES];
    json_open(json, '{');
    json_field_text(json, "what", entry->what);
    json_field_time(json, "at", entry->at_ms);
    identity_json_identifiers(json, "identifiers", entry->identifiers, entry->n_identifiers, personal);
    write_named(json, "from", named, entry->from_one_id);
    write_named(json, "to", named, entry->to_one_id);
    if (entry->evidence)
        json_field_number(json, "position", entry->evidence);
    if (entry->decision)
        json_field_text(json, "decision", decision_id(entry->decision, id));
    identity_json_by(call, json, entry->actor);
    json_field_optional(json, "reason", entry->reason);
    json_close(json, '}');
}

static int ask_history(
    struct api_call *call, Quanyu__HistoryRequest *question, const Quanyu__HistoryReply **ret_history)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question->personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_HISTORY;
    request.history = question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_history = reply->history;
    return error;
}

int person_history(struct api_call *call)
{
    char next[API_CURSOR_BYTES];
    Quanyu__HistoryRequest question = QUANYU__HISTORY_REQUEST__INIT;
    const Quanyu__HistoryReply *history;
    Quanyu__PersonView *person;
    struct named named;
    int error = api_limit(call, &question.limit);
    if (!error)
        error = api_cursor(call, &question.after);
    if (!error)
        error = api_find_person(call, "person.history", &person);
    if (error)
        return error;
    question.person = person->person;
    error = ask_history(call, &question, &history);
    if (!error)
        error = see_named(call, history, &named);
    if (!error)
        error = api_record_page(call, "person.history", &person->person, &person->one_id, 1);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "history");
    for (size_t i = 0; i < history->n_entries; i++)
        write_entry(call, &json, history->entries[i], &named, question.personal);
    json_close_page(&json, api_next_cursor(history->next, next));
    return 0;
}

/* -- what people should look at -- */

static int ask_conflicts(
    struct api_call *call, Quanyu__ConflictsRequest *question, const Quanyu__ConflictsReply **ret_page)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question->personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_CONFLICTS;
    request.conflicts = question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_page = reply->conflicts;
    return error;
}

struct conflict_page {
    struct visible_page page;
    const Quanyu__ConflictsReply *last;
    struct links links;
};

static int ask_conflict_page(struct visible_page *page, uint64_t cursor, uint32_t limit)
{
    struct conflict_page *own = (struct conflict_page *)page;
    Quanyu__ConflictsRequest question = QUANYU__CONFLICTS_REQUEST__INIT;
    struct visible visible;
    question.after = cursor;
    question.limit = limit;
    int error = ask_conflicts(page->call, &question, &own->last);
    if (!error)
        error = visible_page_rows(page, own->last->n_conflicts, own->last->next);
    if (!error)
        error = visible_of_links(page->call, own->last->conflicts, page->count, &visible);
    for (size_t i = 0; !error && i < page->count; i++)
        page->seen[i] = sees_link(&visible, own->last->conflicts[i]);
    return error;
}

static void take_conflict(struct visible_page *page, size_t row)
{
    struct conflict_page *own = (struct conflict_page *)page;
    add_link(&own->links, own->last->conflicts[row]);
}

/* How many there are is the whole brand's. */
int identity_conflicts(struct api_call *call)
{
    char next[API_CURSOR_BYTES];
    struct conflict_page own = {.page = {.ask = ask_conflict_page, .take = take_conflict, .call = call}};
    uint32_t limit;
    uint64_t cursor, after;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_cursor(call, &cursor);
    if (!error)
        error = links_make(call, limit, &own.links);
    if (!error)
        error = visible_page_fill(&own.page, cursor, limit, &after);
    if (!error)
        error = record_persons(call, "identity.conflicts", &own.links.persons);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    if (!call->actor.scope)
        json_field_unsigned(&json, "count", own.last->count);
    json_name(&json, "conflicts");
    json_open(&json, '[');
    write_links(call, &json, &own.links);
    json_close_page(&json, api_next_cursor(after, next));
    return 0;
}

static int ask_busy(struct api_call *call, Quanyu__BusyRequest *question, const Quanyu__BusyReply **ret_page)
{
    Quanyu__IdentityRequest request = QUANYU__IDENTITY_REQUEST__INIT;
    const Quanyu__IdentityReply *reply;
    question->personal = disclosure_of(call->permissions).personal;
    request.call_case = QUANYU__IDENTITY_REQUEST__CALL_BUSY;
    request.busy = question;
    int error = api_ask_identity(call, &request, &reply);
    if (!error)
        *ret_page = reply->busy;
    return error;
}

struct busy_page {
    struct visible_page page;
    const Quanyu__BusyReply *last;
    const Quanyu__BusyReply__Row **rows;
    size_t count;
    struct persons persons;
};

static int ask_busy_page(struct visible_page *page, uint64_t cursor, uint32_t limit)
{
    struct busy_page *own = (struct busy_page *)page;
    Quanyu__BusyRequest question = QUANYU__BUSY_REQUEST__INIT;
    struct visible visible;
    question.after = cursor;
    question.limit = limit;
    int error = ask_busy(page->call, &question, &own->last);
    if (!error)
        error = visible_page_rows(page, own->last->n_rows, own->last->next);
    uint32_t *numbers = error ? NULL : arena_alloc(page->call->arena, (page->count + 1) * sizeof(*numbers));
    if (!numbers)
        return error ? error : -QY_ENOMEM;
    for (size_t i = 0; i < page->count; i++)
        numbers[i] = own->last->rows[i]->person;
    error = visible_find(page->call, numbers, page->count, &visible);
    for (size_t i = 0; !error && i < page->count; i++)
        page->seen[i] = visible_has(&visible, own->last->rows[i]->person);
    return error;
}

static void take_busy(struct visible_page *page, size_t row)
{
    struct busy_page *own = (struct busy_page *)page;
    const Quanyu__BusyReply__Row *taken = own->last->rows[row];
    own->rows[own->count++] = taken;
    persons_add(&own->persons, taken->person, taken->one_id);
}

static void write_busy(struct json *json, const Quanyu__BusyReply__Row *row, bool personal)
{
    json_open(json, '{');
    json_name(json, "identifier");
    identity_json_identifier(json, row->identifier, row->one_id, personal);
    json_field_unsigned(json, "seen_with", row->seen);
    json_field_text(json, "kind", row->kind);
    json_field_text(json, "reason", row->reason);
    json_close(json, '}');
}

int identity_busy(struct api_call *call)
{
    char next[API_CURSOR_BYTES];
    struct busy_page own = {.page = {.ask = ask_busy_page, .take = take_busy, .call = call}};
    uint32_t limit;
    uint64_t cursor, after;
    int error = api_limit(call, &limit);
    if (!error)
        error = api_cursor(call, &cursor);
    if (!error)
        error = persons_make(call, limit, &own.persons);
    own.rows = error ? NULL : arena_alloc(call->arena, (limit + 1) * sizeof(void *));
    if (!own.rows)
        return error ? error : -QY_ENOMEM;
    error = visible_page_fill(&own.page, cursor, limit, &after);
    if (!error)
        error = record_persons(call, "identity.busy", &own.persons);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open_page(&json, "busy");
    for (size_t i = 0; i < own.count; i++)
        write_busy(&json, own.rows[i], disclosure_of(call->permissions).personal);
    json_close_page(&json, api_next_cursor(after, next));
    return 0;
}
