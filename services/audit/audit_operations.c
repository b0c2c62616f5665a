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

const struct operation audit_operations[] = {
    {get_records, .about = {"GET", "/v1/records", "search", "records",
                      "Records, newest or oldest first; the look is on record before it is answered",
                      .gives = "Page", .queries = NAMES(FILTERS, "order", "limit", "cursor")}},
    {get_count, .about = {"GET", "/v1/records/count", "count", "records",
                    "How many records there are; the look is on record", .gives = "Count",
                    .queries = NAMES(FILTERS)}},
    {get_histogram,
        .about = {"GET", "/v1/records/histogram", "histogram", "records",
            "How many records there are by hour, day, month, or by what they say; the look is on record",
            .gives = "Histogram", .queries = NAMES(FILTERS, "by", "top")}},
    {get_record,
        .about = {"GET", "/v1/records/{index}", "show", "records",
            "One record, with the bytes that were hashed and the path to the root; the look is on record",
            .gives = "ProvenRecord", .others = {404}}},
    {get_tree,
        .about = {"GET", "/v1/tree", "tree", "tree", "Size and root of the Merkle tree", .gives = "Tree"}},
    {NULL, .about = {"GET", "/openapi.json", "openapi", "description", "This description, for programs",
               .gives = "Description", .open = true}},
    {NULL, .about = {"GET", "/docs", "docs", "description", "This description, for people",
               .type = OPENAPI_PAGE_TYPE, .headers = NAMES("Content-Security-Policy"), .open = true}},
};

const size_t audit_operation_count = COUNT_OF(audit_operations);
