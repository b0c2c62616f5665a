/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_ocsf.h"

#include "services/audit/audit_record.h"

#include <inttypes.h>
#include <string.h>

#define CATEGORY_APPLICATION 6u
#define CLASS_API 6003u
#define CLASS_DATASTORE 6005u
#define ACTIVITY_OTHER 99u

/* What a record's action ends in, and what the two classes call it. */
static const struct verb {
    const char *name;
    unsigned api, datastore;
} verbs[] = {{"show", 2, 1}, {"lookup", 2, 1}, {"history", 2, 1}, {"explain", 2, 1}, {"bindings", 2, 1},
    {"unmask", 2, 10}, {"search", 2, 4}, {"count", 2, 4}, {"histogram", 2, 4}, {"report", 2, 4},
    {"list", 2, 8}, {"people", 2, 8}, {"changes", 2, 8}, {"deliveries", 2, 8}, {"duplicates", 2, 8},
    {"conflicts", 2, 8}, {"dump", 2, 1}, {"export", 2, 1}, {"create", 1, 6}, {"add", 1, 5}, {"import", 1, 5},
    {"change", 3, 2}, {"move", 3, 2}, {"join", 3, 2}, {"split", 3, 2}, {"transfer", 3, 2}, {"publish", 3, 2},
    {"pause", 3, 2}, {"block", 3, 2}, {"undo", 3, 2}, {"delete", 4, 7}, {"erase", 4, 7}, {"remove", 4, 7},
    {"revoke", 4, 7}, {"withdraw", 4, 7}};

static const char *const api_names[] = {"Unknown", "Create", "Read", "Update", "Delete"};
static const char *const datastore_names[] = {"Unknown", "Read", "Update", "Connect", "Query", "Write",
    "Create", "Delete", "List", "Encrypt", "Decrypt"};

static const struct verb *find_verb(const char *action)
{
    const char *dot = strrchr(action, '.');
    for (size_t i = 0; dot && i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i].name, dot + 1) == 0)
            return &verbs[i];
    return NULL;
}

static bool is_about_people(const Quanyu__AuditRecord *record)
{
    return record->n_persons || record->n_numbers || record->n_fields || record->count || *record->missed ||
           *record->rule;
}

static void add_class(struct json *json, const Quanyu__AuditRecord *record)
{
    bool datastore = record && is_about_people(record);
    const struct verb *verb = record ? find_verb(record->action) : NULL;
    unsigned class_uid = datastore ? CLASS_DATASTORE : CLASS_API;
    unsigned activity = !record ? 0 : !verb ? ACTIVITY_OTHER : datastore ? verb->datastore : verb->api;
    const char *other = record ? record->action : "Unknown";
    json_field_unsigned(json, "category_uid", CATEGORY_APPLICATION);
    json_field_text(json, "category_name", "Application Activity");
    json_field_unsigned(json, "class_uid", class_uid);
    json_field_text(json, "class_name", datastore ? "Datastore Activity" : "API Activity");
    json_field_unsigned(json, "activity_id", activity);
    json_field_text(json, "activity_name",
        activity == ACTIVITY_OTHER ? other
        : datastore                ? datastore_names[activity]
                                   : api_names[activity]);
    json_field_unsigned(json, "type_uid", class_uid * 100 + activity);
    if (!datastore)
        return;
    json_name(json, "database");
    json_open(json, '{');
    json_field_text(json, "name", "quanyu");
    json_field_unsigned(json, "type_id", 5);
    json_close(json, '}');
    json_field_unsigned(json, "type_id", 1);
    if (*record->rule) {
        json_name(json, "query_info");
        json_open(json, '{');
        json_field_text(json, "query_string", record->rule);
        json_close(json, '}');
    }
}

static void add_metadata(struct json *json, uint64_t index, const Quanyu__AuditRecord *record)
{
    char uid[24];
    snprintf(uid, sizeof(uid), "%" PRIu64, index);
    json_name(json, "metadata");
    json_open(json, '{');
    json_field_text(json, "version", OCSF_VERSION);
    json_name(json, "product");
    json_open(json, '{');
    json_field_text(json, "name", "Quanyu");
    json_field_text(json, "vendor_name", "Quanyu");
    json_field_text(json, "version", QUANYU_VERSION);
    json_close(json, '}');
    json_field_text(json, "log_name", "audit");
    json_field_text(json, "uid", uid);
    json_field_unsigned(json, "sequence", index);
    json_field_optional(json, "correlation_uid", record ? record->request_id : NULL);
    json_close(json, '}');
}

/* Services act as service accounts; the rest are people, or a machine's key. */
static void add_user(struct json *json, const Quanyu__AuditRecord *record)
{
    const Quanyu__Actor *actor = record->actor;
    bool human = actor->kind == QUANYU__ACTOR__KIND__STAFF || actor->kind == QUANYU__ACTOR__KIND__AUDITOR ||
                 actor->kind == QUANYU__ACTOR__KIND__OPERATOR;
    json_name(json, "user");
    json_open(json, '{');
    json_field_text(json, "uid", actor->id);
    json_field_optional(json, "name", actor->name);
    json_field_text(json, "type", audit_actor_kind(actor->kind));
    json_field_unsigned(json, "type_id", human ? 1 : 4);
    json_field_optional(json, "credential_uid", actor->token_id);
    if (*actor->role) {
        json_name(json, "groups");
        json_open(json, '[');
        json_open(json, '{');
        json_field_text(json, "name", actor->role);
        json_close(json, '}');
        json_close(json, ']');
    }
    if (*record->unit) {
        json_name(json, "org");
        json_open(json, '{');
        json_field_text(json, "ou_uid", record->unit);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void add_endpoints(struct json *json, const Quanyu__AuditRecord *record)
{
    bool acts = record && record->actor;
    const char *address = acts ? record->actor->address : "";
    const char *service = record && *record->service ? record->service : "audit";
    json_name(json, "actor");
    json_open(json, '{');
    if (acts)
        add_user(json, record);
    else
        json_field_text(json, "app_name", "unknown");
    json_close(json, '}');
    json_name(json, "src_endpoint");
    json_open(json, '{');
    json_field_optional(json, "ip", address);
    json_field_text(json, "svc_name", service);
    json_close(json, '}');
    json_name(json, "api");
    json_open(json, '{');
    json_field_text(json, "operation", record ? record->action : "unknown");
    json_name(json, "service");
    json_open(json, '{');
    json_field_text(json, "name", service);
    json_close(json, '}');
    json_close(json, '}');
}

static void add_status(struct json *json, bool intact, const Quanyu__AuditRecord *record)
{
    const char *outcome = record ? record->outcome : "";
    bool ok = !*outcome || strcmp(outcome, "ok") == 0 || strcmp(outcome, "delivered") == 0;
    json_field_unsigned(json, "status_id", !record ? 0 : ok ? 1 : 2);
    json_field_text(json, "status", !record ? "Unknown" : ok ? "Success" : "Failure");
    json_field_optional(json, "status_detail", outcome);
    json_field_unsigned(json, "severity_id", !intact ? 5 : record && record->unmasked ? 2 : 1);
    json_field_text(json, "severity",
        !intact                      ? "Critical"
        : record && record->unmasked ? "Low"
                                     : "Informational");
}

static void add_texts(struct json *json, const char *name, char *const *texts, size_t count)
{
    if (count == 0)
        return;
    json_name(json, name);
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        json_text(json, texts[i]);
    json_close(json, ']');
}

static void add_unmapped(struct json *json, bool intact, const Quanyu__AuditRecord *record)
{
    json_name(json, "unmapped");
    json_open(json, '{');
    json_field_bool(json, "intact", intact);
    if (record) {
        add_texts(json, "fields", record->fields, record->n_fields);
        add_texts(json, "persons", record->persons, record->n_persons);
        if (record->n_numbers) {
            json_name(json, "person_numbers");
            json_open(json, '[');
            for (size_t i = 0; i < record->n_numbers; i++)
                json_unsigned(json, record->numbers[i]);
            json_close(json, ']');
        }
        json_field_unsigned(json, "count", record->count);
        json_field_bool(json, "unmasked", record->unmasked);
        json_field_optional(json, "purpose", record->purpose);
        json_field_optional(json, "journey", record->journey);
        json_field_optional(json, "task", record->task);
        json_field_optional(json, "missed", record->missed);
        json_field_optional(json, "missed_kind", record->missed_kind);
        json_field_optional(json, "detail", record->detail);
    }
    json_close(json, '}');
}

void audit_ocsf_event(struct json *json, uint64_t index, bool intact, const Quanyu__AuditRecord *record)
{
    json_open(json, '{');
    json_field_integer(json, "time", record ? record->time_ms : 0);
    add_class(json, record);
    add_metadata(json, index, record);
    add_endpoints(json, record);
    add_status(json, intact, record);
    json_field_text(json, "message", !intact ? "this record was altered" : record->action);
    add_unmapped(json, intact, record);
    json_close(json, '}');
}
