/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit port does: one row an operation. The handlers stand in audit_http_*.c, by topic. */
#include "services/audit/audit_look.h"

#define NAMES(...)                                                                                           \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

#define FILTERS                                                                                              \
    "actor", "actor_kind", "role", "unit", "token", "address", "operation", "action", "field", "purpose",    \
        "outcome", "service", "journey", "task", "subject", "rule", "set", "missed_kind", "missed", "has",   \
        "unmasked", "from", "to", "timezone"
/* A tile's path has a segment for each three digits of its number. */
#define TILE(pattern, id, summary)                                                                           \
    {                                                                                                        \
        get_tile, .about = {                                                                                 \
            "GET",                                                                                           \
            pattern,                                                                                         \
            id,                                                                                              \
            "proofs",                                                                                        \
            summary,                                                                                         \
            .type = "application/octet-stream",                                                              \
            .headers = NAMES("Cache-Control"),                                                               \
            .others = {404}                                                                                  \
        }                                                                                                    \
    }

const struct operation audit_operations[] = {
    {get_records, .reads_much = true,
        .about = {"GET", "/v1/records", "search", "records",
            "Records, newest or oldest first; the look is on record before it is answered", .gives = "Page",
            .queries = NAMES(FILTERS, "order", "limit", "cursor")}},
    {get_count, .reads_much = true,
        .about = {"GET", "/v1/records/count", "count", "records",
            "How many records there are; the look is on record", .gives = "Count",
            .queries = NAMES(FILTERS)}},
    {get_histogram, .reads_much = true,
        .about = {"GET", "/v1/records/histogram", "histogram", "records",
            "How many records there are by hour, day, month, or by what they say; the look is on record",
            .gives = "Histogram", .queries = NAMES(FILTERS, "by", "top")}},
    {get_report, .reads_much = true,
        .about = {"GET", "/v1/reports/{name}", "report", "records",
            "A standing report, as JSON, CSV or a page to be printed; the look is on record",
            .gives = "Report", .other_types = NAMES("text/csv; charset=utf-8", "text/html; charset=utf-8"),
            .headers = NAMES("Content-Security-Policy"), .queries = NAMES(FILTERS, "format"),
            .others = {404}}},
    {get_ocsf, .reads_much = true,
        .about = {"GET", "/v1/export/ocsf", "export_ocsf", "records",
            "Records as events of the Open Cybersecurity Schema, a line each, oldest first; the look "
            "is on record",
            .type = "application/x-ndjson", .queries = NAMES(FILTERS, "from_index", "lines"),
            .headers = NAMES("X-Next-Index")}},
    {get_alerts, .about = {"GET", "/v1/alerts", "alert_list", "alerts",
                     "Unusual use, the newest day first; the look is on record", .gives = "Alerts",
                     .queries = NAMES("state", "cursor")}},
    {post_acknowledge, .about = {"POST", "/v1/alerts/{id}/acknowledge", "alert_acknowledge", "alerts",
                           "Says that an alert was looked into, and what came of it; on record",
                           .takes = "Note", .others = {404, 409}}},
    {get_alert_rules, .about = {"GET", "/v1/alert-rules", "alert_rules", "alerts",
                          "What is taken for unusual, and who is told; on record", .gives = "AlertRules"}},
    {put_alert_rules,
        .about = {"PUT", "/v1/alert-rules", "alert_rules_change", "alerts",
            "Other rules, from now on; what is left out is as in the standard. On record",
            .takes = "AlertRulesSet", .gives = "AlertRules", .others = {403}},
        .administers = "alert_rules.change"},
    {get_record,
        .about = {"GET", "/v1/records/{index}", "show", "records",
            "One record, with the bytes that were hashed and the path to the root; the look is on record",
            .gives = "ProvenRecord", .others = {404, 410}}},
    {get_set, .about = {"GET", "/v1/sets/{hash}", "set", "records",
                  "The exact set of persons that a record names, 10,000 at a time; the look is on record",
                  .gives = "ExactSet", .queries = NAMES("after"), .others = {404}}},
    {get_set_bitmap,
        .about = {"GET", "/v1/sets/{hash}/bitmap", "set_bitmap", "records",
            "The same as the bytes that were hashed (a Roaring bitmap in the portable form), for "
            "a copy of the log; on record",
            .type = "application/octet-stream", .others = {404}}},
    {get_retention,
        .about = {"GET", "/v1/retention", "retention", "retention",
            "How long records of each kind are kept, and what was pruned so far; the look is on record",
            .gives = "Retention", .headers = NAMES("ETag")}},
    {put_retention,
        .about = {"PUT", "/v1/retention", "retention_change", "retention",
            "Another policy: kinds that are left out are kept for ever. What is past its time goes for good, "
            "after audit.retention_notice where something is kept for less time than before. On record",
            .takes = "RetentionSet", .gives = "Retention", .conditional = true, .headers = NAMES("ETag"),
            .others = {403}},
        .administers = "retention.change"},
    {get_holds, .about = {"GET", "/v1/holds", "hold_list", "retention",
                    "Legal holds in force; the look is on record", .gives = "Holds"}},
    {post_hold,
        .about = {"POST", "/v1/holds", "hold_add", "retention",
            "Hold what a filter finds: it is not pruned, whatever the policy says; on record",
            .takes = "NewHold", .gives = "Hold", .status = 201, .others = {403, 409}},
        .administers = "hold.add"},
    {post_release,
        .about = {"POST", "/v1/holds/{id}/release", "hold_release", "retention",
            "Release a legal hold, for a reason; on record", .takes = "Reason", .others = {403, 404}},
        .administers = "hold.release"},
    {get_rest,
        .about = {"GET", "/v1/entries/{bundle}", "entries_rest", "proofs",
            "What is left of a full bundle of entries of which some were pruned: as a bundle, with a size "
            "of 0 for what is not there; that a token reads entries is on record once an hour",
            .type = "application/octet-stream", .others = {404}}},
    {get_tree,
        .about = {"GET", "/v1/tree", "tree", "tree", "Size and root of the Merkle tree", .gives = "Tree"}},
    {get_receipt, .about = {"GET", "/v1/records/{index}/receipt", "receipt", "proofs",
                      "One record with its proof and a signed checkpoint, to be checked without a network "
                      "(C2SP tlog-proof; the record is its extra data); "
                      "the look is on record",
                      .type = "text/plain; charset=utf-8", .others = {404, 410}}},
    {get_checkpoint,
        .about = {"GET", "/checkpoint", "checkpoint", "proofs",
            "The newest signed tree head (C2SP tlog-checkpoint), with the signatures of witnesses",
            .type = "text/plain; charset=utf-8", .headers = NAMES("Cache-Control"), .others = {404}}},
    {get_cosigned,
        .about = {"GET", "/v1/checkpoints/cosigned", "checkpoint_cosigned", "proofs",
            "The newest signed tree head that a witness has cosigned", .type = "text/plain; charset=utf-8",
            .headers = NAMES("Cache-Control"), .others = {404}}},
    TILE("/tile/{level}/{n}", "tile", "Hashes of the tree (C2SP tlog-tiles)"),
    TILE(
        "/tile/{level}/{n}/{m}", "tile_2", "The same, of a number of four digits and more, or a partial one"),
    TILE("/tile/{level}/{n}/{m}/{l}", "tile_3", "The same, of a number of seven digits and more"),
    TILE("/tile/{level}/{n}/{m}/{l}/{k}", "tile_4", "The same, of a number of ten digits and more"),
    TILE("/tile/entries/{n}", "entries",
        "Records as they were hashed, each with its size before it (C2SP tlog-tiles); that a token "
        "reads them is on record once an hour"),
    TILE("/tile/entries/{n}/{m}", "entries_2",
        "The same, of a number of four digits and more, or a partial one"),
    TILE("/tile/entries/{n}/{m}/{l}", "entries_3", "The same, of a number of seven digits and more"),
    TILE("/tile/entries/{n}/{m}/{l}/{k}", "entries_4", "The same, of a number of ten digits and more"),
    {get_keys, .about = {"GET", "/v1/keys", "keys", "proofs", "The keys that sign the log, and its witnesses",
                   .gives = "Keys"}},
    {get_inclusion, .about = {"GET", "/v1/proofs/inclusion", "proof_inclusion", "proofs",
                        "That a record is in the tree of a size; without one, of the newest checkpoint",
                        .gives = "InclusionProof", .queries = NAMES("index", "size"), .others = {404, 410}}},
    {get_consistency, .about = {"GET", "/v1/proofs/consistency", "proof_consistency", "proofs",
                          "That a tree goes on from a smaller one; without `to`, the newest checkpoint's",
                          .gives = "ConsistencyProof", .queries = NAMES("from", "to"), .others = {404, 410}}},
    {post_cosignature, .about = {"POST", "/v1/cosignatures", "cosign", "proofs",
                           "Hand a checkpoint back with the signature of a witness as its last line; 409: it "
                           "is signed with this log's key and is not of its tree",
                           .takes = "SignedNote", .takes_type = "text/plain", .others = {403, 409}}},
    {post_backup,
        .about = {"POST", "/v1/backups", "backup", "backups",
            "Say that a copy of the log is about to be taken on its machine (`quanyu audit backup` does, "
            "before "
            "it takes one); on record",
            .takes = "NewBackup", .others = {403}},
        .administers = "audit.backup"},
    {get_auditors,
        .about = {"GET", "/v1/auditors", "auditor_list", "auditors",
            "All auditors' tokens in force; the look is on record", .gives = "Auditors", .others = {403}},
        .administers = "auditor.manage"},
    {post_auditor,
        .about = {"POST", "/v1/auditors", "auditor_create", "auditors",
            "Make an auditor's token, which is shown this once; on record", .takes = "NewAuditor",
            .gives = "MadeAuditor", .status = 201, .others = {403, 409}},
        .administers = "auditor.manage"},
    {delete_auditor,
        .about = {"DELETE", "/v1/auditors/{id}", "auditor_revoke", "auditors",
            "Revoke an auditor's token: from the answer on it is refused; on record", .others = {403, 404}},
        .administers = "auditor.manage"},
    {NULL, .about = {"GET", "/openapi.json", "openapi", "description", "This description, for programs",
               .gives = "Description", .open = true}},
    {NULL, .about = {"GET", "/docs", "docs", "description", "This description, for people",
               .type = OPENAPI_PAGE_TYPE, .headers = NAMES("Content-Security-Policy"), .open = true}},
};

const size_t audit_operation_count = COUNT_OF(audit_operations);
