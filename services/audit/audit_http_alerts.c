/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's alerts and the rules for them. */
#include "common/clock.h"
#include "common/error.h"
#include "common/looks.h"
#include "services/audit/audit_alerts.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_ALERTS 100u

/* -- rules -- */

static void write_rules(struct look *look, const struct alert_rules *rules, const char *action)
{
    struct json body = json_to(&look->body), detail = json_to(&look->detail);
    alert_rules_write(rules, false, &body);
    alert_rules_write(rules, false, &detail);
    look->action = action;
}

int get_alert_rules(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct alert_rules rules;
    if (!look_asks_nothing((*look)->request))
        return 0;
    int error = audit_alert_rules((*look)->txn, &rules);
    if (error)
        return error;
    write_rules(*look, &rules, "alert_rules.show");
    return look_submit(http, look);
}

static int apply_rules(struct look *look, struct batch *batch)
{
    audit_alert_set_rules(batch->txn, look->change);
    return store_error(batch->txn);
}

int put_alert_rules(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    char field[ALERT_FIELD_BYTES];
    if (!look_asks_nothing(request))
        return 0;
    struct alert_rules *rules = arena_alloc((*look)->arena, sizeof(*rules));
    int error = rules ? audit_alert_rules((*look)->txn, rules) : -QY_ENOMEM;
    if (error)
        return error;
    const char *problem = alert_rules_parse(http_body(request), rules, field);
    if (problem) {
        look_refuse_parameter(request, field, problem);
        return 0;
    }
    write_rules(*look, rules, "alert_rules.change");
    (*look)->apply = apply_rules;
    (*look)->change = rules;
    return look_submit(http, look);
}

/* -- alerts -- */

struct listing {
    struct look *look;
    struct json json;
    size_t count;
    bool open_only;
    bool more;
    uint8_t last[ALERT_KEY_BYTES];
};

static bool add_alert(void *context, const uint8_t key[ALERT_KEY_BYTES], struct bytes row)
{
    struct listing *listing = context;
    const Quanyu__AuditAlert *alert =
        quanyu__audit_alert__unpack(arena_allocator(listing->look->arena), row.size, row.data);
    if (!alert || (listing->open_only && alert->acknowledged_ms))
        return true;
    listing->more = listing->count == PAGE_ALERTS;
    if (listing->more)
        return false;
    audit_alert_write(&listing->json, key, alert);
    memcpy(listing->last, key, ALERT_KEY_BYTES);
    listing->count++;
    return true;
}

/* `state` and `cursor`; the cursor is the id of the last one of the page before. */
static const char *take_query(const struct http_request *request, bool *ret_open, bool *ret_from,
    uint8_t from[ALERT_KEY_BYTES], char field[PARAMETER_NAME_BYTES])
{
    static const char *const names[] = {"state", "cursor", NULL};
    char value[64];
    const char *problem = audit_parameters_known(request, names, field);
    if (problem)
        return problem;
    strcpy(field, "state");
    int error = http_parameter(request, "state", value, sizeof(value));
    *ret_open = error == -QY_ENOTFOUND || strcmp(value, "open") == 0;
    if (!*ret_open && (error || strcmp(value, "all") != 0))
        return "must be open or all";
    strcpy(field, "cursor");
    error = http_parameter(request, "cursor", value, sizeof(value));
    *ret_from = !error && audit_alert_parse_id(value, from);
    return error == -QY_ENOTFOUND || *ret_from ? NULL : "is not a cursor that was given out here";
}

int get_alerts(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct listing listing = {.look = *look, .json = json_to(&(*look)->body)};
    uint8_t from[ALERT_KEY_BYTES];
    char field[PARAMETER_NAME_BYTES], id[ALERT_ID_BYTES];
    bool has_from;
    const char *problem = take_query((*look)->request, &listing.open_only, &has_from, from, field);
    if (problem) {
        look_refuse_parameter((*look)->request, field, problem);
        return 0;
    }
    json_open_page(&listing.json, "alerts");
    audit_store_each_alert((*look)->txn, has_from ? from : NULL, add_alert, &listing);
    json_close_page(&listing.json, listing.more ? audit_alert_id(listing.last, id) : "");
    if (store_error((*look)->txn))
        return store_error((*look)->txn);
    struct json detail = json_to(&(*look)->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "state", listing.open_only ? "open" : "all");
    json_field_unsigned(&detail, "alerts", listing.count);
    json_close(&detail, '}');
    (*look)->action = "alert.list";
    return look_submit(http, look);
}

/* -- acknowledging -- */

struct acknowledging {
    uint8_t key[ALERT_KEY_BYTES];
    char *note, *by;
};

/* Another one may have been faster, in the same commit. */
static int apply_acknowledging(struct look *look, struct batch *batch)
{
    const struct acknowledging *acknowledging = look->change;
    Quanyu__AuditAlert *alert = audit_alert_get(batch->txn, acknowledging->key, look->arena);
    if (!alert)
        return -QY_ENOTFOUND;
    if (alert->acknowledged_ms)
        return -QY_ECONFLICT;
    alert->acknowledged_ms = clock_wall_ms();
    alert->acknowledged_by = acknowledging->by;
    alert->note = acknowledging->note;
    return audit_alert_put(batch->txn, acknowledging->key, alert);
}

static const char *read_note(struct look *look, char **ret_note)
{
    struct bytes body = http_body(look->request);
    yyjson_doc *doc = yyjson_read((const char *)body.data, body.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *note = yyjson_obj_get(root, "note");
    const char *text = yyjson_get_str(note), *problem = NULL;
    if (!yyjson_is_obj(root) || yyjson_obj_size(root) != 1 || !text)
        problem = "is missing: the body is {\"note\":\"…\"}";
    else if (!*text || yyjson_get_len(note) > ALERT_NOTE_BYTES_MAX || strlen(text) != yyjson_get_len(note))
        problem = "must have 1 to 1000 bytes";
    else if (looks_personal(text, strlen(text)))
        problem = "looks as if it held a phone number or an email: the log keeps it for good";
    else if (!(*ret_note = arena_text(look->arena, text, strlen(text))))
        problem = "cannot be taken: out of memory";
    yyjson_doc_free(doc);
    return problem;
}

_Static_assert(ALERT_NOTE_BYTES_MAX == 1000, "the message above says so");

static void describe_acknowledging(
    struct look *look, const char *id, const Quanyu__AuditAlert *alert, const char *note)
{
    struct json detail = json_to(&look->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "id", id);
    json_field_text(&detail, "rule", alert->rule);
    json_field_text(&detail, "actor", alert->actor);
    json_field_text(&detail, "note", note);
    json_close(&detail, '}');
    look->action = "alert.acknowledge";
}

int post_acknowledge(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    const char *id = route_parameter(match, "id");
    struct acknowledging *acknowledging = arena_alloc((*look)->arena, sizeof(*acknowledging));
    if (!acknowledging)
        return -QY_ENOMEM;
    if (!look_asks_nothing(request))
        return 0;
    const char *problem = read_note(*look, &acknowledging->note);
    if (problem) {
        look_refuse_parameter(request, "/note", problem);
        return 0;
    }
    Quanyu__AuditAlert *alert = audit_alert_parse_id(id, acknowledging->key)
                                    ? audit_alert_get((*look)->txn, acknowledging->key, (*look)->arena)
                                    : NULL;
    if (!alert) {
        http_problem(request, 404, "not_found", "id", "there is no such alert");
        return 0;
    }
    if (alert->acknowledged_ms) {
        http_problem(request, 409, "conflict", "id", "%s has acknowledged it", alert->acknowledged_by);
        return 0;
    }
    acknowledging->by = arena_text((*look)->arena, (*look)->token.name, strlen((*look)->token.name));
    if (!acknowledging->by)
        return -QY_ENOMEM;
    describe_acknowledging(*look, id, alert, acknowledging->note);
    (*look)->apply = apply_acknowledging;
    (*look)->change = acknowledging;
    (*look)->status = 204;
    return look_submit(http, look);
}
