/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of the API's operations. */
#include "services/gateway/api.h"

#define NAMES(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define PAGE .queries = NAMES("limit", "cursor")

#define WRITE_KEY_MEMBERS                                                                                    \
    .members = NAMES("name", "description", "platform", "sources", "channels", "event_types", "event_names", \
        "allowed_origins", "unit", "import", "rate", "paused", "expires_at")

#define UNIT_MEMBERS                                                                                         \
    .members = NAMES("name", "kind", "parent", "code", "ownership", "opened_on", "closed_on", "time_zone")

const struct api_operation api_operations[] = {
    {"POST", "/api/v1/persons/lookup", person_lookup, BODY_OBJECT,
        .summary = "The person that has one of these identifiers", .members = NAMES("identifiers"),
        .personal = true},
    {"GET", "/api/v1/persons/{one_id}", person_show, .summary = "One person's profile"},
    {"POST", "/api/v1/persons/{one_id}/tags", person_tag, BODY_OBJECT, .summary = "Add a tag by hand",
        .members = NAMES("tag", "expires_at")},
    {"DELETE", "/api/v1/persons/{one_id}/tags/{tag}", person_untag,
        .summary = "Take a tag away that was added by hand"},
    {"POST", "/api/v1/audiences/count", audience_count, BODY_OBJECT,
        .summary = "How many people a rule picks; on record", .members = NAMES("rule", "as_of")},
    {"POST", "/api/v1/segments", segment_create, BODY_OBJECT,
        .summary = "Make a segment; its count is on record",
        .members = NAMES("name", "description", "rule", "paused")},
    {"GET", "/api/v1/segments", segment_list, .summary = "All segments; counts are on record", PAGE},
    {"GET", "/api/v1/segments/{id}", segment_show, .summary = "One segment; its count is on record"},
    {"PATCH", "/api/v1/segments/{id}", segment_change, BODY_OBJECT,
        .summary = "Change, pause or resume a segment",
        .members = NAMES("name", "description", "rule", "paused")},
    {"DELETE", "/api/v1/segments/{id}", segment_remove, .summary = "Delete a segment that nothing refers to"},
    {"GET", "/api/v1/segments/{id}/changes", segment_changes,
        .summary =
            "Who entered and left, newest first, and why: event, import, time, rule, hand, join, erasure",
        PAGE},
    {"POST", "/api/v1/tags", tag_create, BODY_OBJECT, .summary = "Make a tag, by rule or to be given by hand",
        .members = NAMES("tag", "description", "rule", "paused")},
    {"GET", "/api/v1/tags", tag_list, .summary = "All tags; counts are on record", PAGE},
    {"GET", "/api/v1/tags/{tag}", tag_show, .summary = "One tag; its count is on record"},
    {"PATCH", "/api/v1/tags/{tag}", tag_change, BODY_OBJECT, .summary = "Change, pause or resume a tag",
        .members = NAMES("description", "rule", "paused")},
    {"DELETE", "/api/v1/tags/{tag}", tag_remove, .summary = "Delete a tag that nothing refers to"},
    {"GET", "/api/v1/stages", stages_show, .summary = "The lifecycle stages' rules, in order"},
    {"PUT", "/api/v1/stages", stages_change, BODY_OBJECT, .summary = "Change the lifecycle stages",
        .members = NAMES("stages")},
    {"POST", "/api/v1/journeys", journey_create, BODY_OBJECT,
        .summary = "Make a journey, as a draft; what its rules refer to must exist"},
    {"GET", "/api/v1/journeys", journey_list, .summary = "All journeys", PAGE},
    {"GET", "/api/v1/journeys/{id}", journey_show,
        .summary = "One journey, with counts per step and of where people are: active, completed, exited, "
                   "merged, removed; on record"},
    {"PUT", "/api/v1/journeys/{id}", journey_change, BODY_OBJECT,
        .summary = "Change a journey; a webhook without secret keeps the one that its step has"},
    {"POST", "/api/v1/journeys/{id}/publish", journey_publish,
        .summary =
            "Start or resume a journey; 202 where it is not in force within 5 s, see version_in_force"},
    {"POST", "/api/v1/journeys/{id}/pause", journey_pause, .summary = "Pause a journey: positions stay"},
    {"DELETE", "/api/v1/journeys/{id}", journey_remove, .summary = "Delete a journey: people in it leave"},
    {"GET", "/api/v1/journeys/{id}/deliveries", journey_deliveries, .summary = "What was sent, newest first",
        PAGE},
    {"POST", "/api/v1/imports", import_declare, BODY_OBJECT,
        .summary = "Say that a file is about to be imported; refused where it looks like one that was",
        .members = NAMES("id", "name", "beginning", "as_new")},
    {"GET", "/api/v1/dead-letters", dead_letter_list,
        .summary = "Refused events that are kept, newest first, masked; on record",
        .queries = NAMES("reason", "source", "from", "to", "limit", "cursor")},
    {"DELETE", "/api/v1/dead-letters", dead_letter_delete,
        .summary = "Delete those that fit, or all=true; what they held is unreadable afterwards",
        .queries = NAMES("reason", "source", "from", "to", "all")},
    {"GET", "/api/v1/dead-letters/summary", dead_letter_summary,
        .summary = "How many, by reason and source and by age. Totals, not on record"},
    {"GET", "/api/v1/dead-letters/{id}", dead_letter_show,
        .summary = "One refused event, masked, and what is wrong with it; on record"},
    {"DELETE", "/api/v1/dead-letters/{id}", dead_letter_delete_one, .summary = "Delete one refused event"},
    {"POST", "/api/v1/dead-letters/replay", dead_letter_replay, BODY_OBJECT,
        .summary = "Try refused events again, corrected by a mapping; what is accepted is gone from the list",
        .members = NAMES("ids", "filter", "mapping", "dry_run")},
    {"POST", "/api/v1/dead-letters/erase", dead_letter_erase, BODY_OBJECT,
        .summary = "Delete what bears any of these identifiers, however it is written", .personal = true,
        .members = NAMES("identifiers")},
    {"POST", "/api/v1/write-keys", write_key_create, BODY_OBJECT,
        .summary = "Make a write key: what a source may send, and its secret, which is shown this once",
        WRITE_KEY_MEMBERS},
    {"GET", "/api/v1/write-keys", write_key_list, .summary = "All write keys", PAGE},
    {"GET", "/api/v1/write-keys/{id}", write_key_show, .summary = "One write key, without its secrets"},
    {"PATCH", "/api/v1/write-keys/{id}", write_key_change, BODY_OBJECT,
        .summary = "Change, pause or resume a write key", WRITE_KEY_MEMBERS},
    {"DELETE", "/api/v1/write-keys/{id}", write_key_remove,
        .summary = "Delete a write key: from the answer on nothing is taken with it"},
    {"POST", "/api/v1/write-keys/{id}/rotate", write_key_rotate, BODY_OBJECT,
        .summary = "A new secret, shown this once; the old one goes on for as long as the overlap says",
        .members = NAMES("overlap_seconds", "old_expires_at")},
    {"POST", "/api/v1/write-keys/{id}/revoke", write_key_revoke, BODY_OBJECT,
        .summary = "Revoke one secret: from the answer on nothing is taken with it",
        .members = NAMES("secret")},
    {"POST", "/api/v1/units", unit_create, BODY_OBJECT, .summary = "Make a unit below another one",
        UNIT_MEMBERS},
    {"GET", "/api/v1/units", unit_list,
        .summary = "Units, in the order of the tree; below: that one and all below it",
        .queries = NAMES("below", "kind", "closed", "limit", "cursor")},
    {"POST", "/api/v1/units/import", unit_import, BODY_TEXT,
        .summary = "Make and change units by a CSV text, all of them or none", .queries = NAMES("dry_run")},
    {"GET", "/api/v1/units/{id}", unit_show, .summary = "One unit, by its id or as code:…"},
    {"PATCH", "/api/v1/units/{id}", unit_change, BODY_OBJECT,
        .summary = "Change a unit; with another parent it moves, with all below it", UNIT_MEMBERS},
    {"DELETE", "/api/v1/units/{id}", unit_remove, .summary = "Delete a unit that nothing belongs to"},
    {"GET", "/api/v1/status", suite_status,
        .summary = "How far each service has come; quiet when all is folded, sent and on record"},
    {"GET", "/api/v1/summary", suite_summary,
        .summary = "How many people, identifiers, orders; people by stage. Totals, not on record"},
    {"GET", "/api/v1/clock", clock_show, .summary = "The suite's time"},
    {"POST", "/api/v1/clock", clock_change, BODY_OBJECT, .summary = "Set or advance a simulated clock",
        .members = NAMES("set", "advance", "step")},
    {"GET", "/openapi.json", openapi_show, .summary = "This description", .open = true},
};

const size_t api_operation_count = COUNT_OF(api_operations);
