/* SPDX-License-Identifier: Apache-2.0 */
/* The audit port's bundles of which something was pruned: tlog-tiles has bundles that are whole, or not there. */
#include "services/audit/audit_look.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_store.h"
#include "services/audit/checkpoint.h"

/* As a bundle of entries; a record is never empty, so that a size of 0 says that it was pruned. */
static int write_rest(struct store_txn *txn, uint64_t number, struct buffer *out)
{
    struct bytes records[MERKLE_TILE_HASHES];
    if (!audit_store_rest(txn, number, MERKLE_TILE_HASHES, records))
        return store_error(txn) ? store_error(txn) : -QY_ECORRUPT;
    for (unsigned i = 0; i < MERKLE_TILE_HASHES; i++) {
        const uint8_t size[2] = {(uint8_t)(records[i].size >> 8), (uint8_t)records[i].size};
        buffer_append(out, size, sizeof(size));
        buffer_append(out, records[i].data, records[i].size);
    }
    return buffer_error(out);
}

int get_rest(struct audit_http *http, struct look **look, const struct route_match *match)
{
    struct http_request *request = (*look)->request;
    uint64_t number, size = audit_store_size((*look)->txn);
    if (!look_asks_nothing(request))
        return 0;
    if (!audit_parameter_number(route_parameter(match, "bundle"), &number) ||
        number >= size / MERKLE_TILE_HASHES) {
        http_problem(request, 404, "not_found", "bundle", "there is no such bundle, or it is not full yet");
        return 0;
    }
    int error = write_rest((*look)->txn, number, &(*look)->body);
    if (error)
        return error;
    (*look)->type = "application/octet-stream";
    if (!look_reads_entries(*look, http_path(request)))
        return look_submit(http, look);
    http_respond(request, 200, (*look)->type, (*look)->body.data, (*look)->body.size);
    return 0;
}
