/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's tree. */
#include "common/json.h"
#include "services/audit/audit_look.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_store.h"

#include <sodium.h>

/* Shows no record, so it leaves none: whoever watches the tree must not make it grow. */
int get_tree(struct audit_http *http, struct look **look, const struct route_match *match)
{
    (void)match;
    struct http_request *request = (*look)->request;
    char hex[2 * MERKLE_HASH_BYTES + 1];
    if (!look_asks_nothing(request))
        return 0;
    uint64_t size;
    struct merkle_hash root;
    struct bytes last;
    int error = audit_query_tree((*look)->txn, &size, &root);
    if (error)
        return error;
    struct json json = json_to(&(*look)->body);
    json_open(&json, '{');
    json_field_unsigned(&json, "size", size);
    json_field_text(&json, "root", sodium_bin2hex(hex, sizeof(hex), root.bytes, sizeof(root.bytes)));
    json_field_text(&json, "hash", "sha256");
    json_name(&json, "time");
    if (size > 0 && audit_store_record((*look)->txn, size - 1, &last))
        json_time(&json, audit_record_time(last));
    else
        json_null(&json);
    json_close(&json, '}');
    if (buffer_error(&(*look)->body))
        return buffer_error(&(*look)->body);
    (void)http;
    http_respond(request, 200, "application/json", (*look)->body.data, (*look)->body.size);
    return 0;
}
