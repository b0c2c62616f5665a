/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_look.h"

#include "common/clock.h"
#include "common/deadline.h"
#include "common/json.h"
#include "common/log.h"
#include "common/service_http.h"
#include "services/audit/audit_parameters.h"
#include "services/audit/audit_query.h"
#include "services/audit/audit_record.h"
#include "services/audit/audit_retention.h"

#include <inttypes.h>
#include <stdlib.h>

#define DETAIL_BYTES_MAX (RECORD_BYTES_MAX - 4096u) /* who asks, and how it ended, have the rest */

struct audit_view *look_view(struct look *look)
{
    const struct audit_http *http = look->audit->http;
    if (!look->viewing) {
        audit_view_open(&look->audit->tails, look->txn, &look->view);
        look->view.until_ms = monotonic_ms() + http->search_ms;
        look->view.stopping = &http->stopping;
    }
    look->viewing = true;
    return &look->view;
}

/* The snapshot is needed until the answer is made. */
static void end_snapshot(struct look *look)
{
    if (look->viewing)
        audit_view_close(&look->view);
    look->viewing = false;
    store_abort(&look->txn);
}

void look_close(struct look **look)
{
    if (!*look)
        return;
    end_snapshot(*look);
    buffer_free(&(*look)->detail);
    arena_close(&(*look)->arena);
    buffer_free(&(*look)->body);
    free(*look);
    *look = NULL;
}

void look_describe_record(struct look *look, const char *action, uint64_t index)
{
    struct json detail = json_to(&look->detail);
    json_open(&detail, '{');
    json_field_number(&detail, "index", index);
    json_field_unsigned(&detail, "records", 1);
    json_close(&detail, '}');
    look->action = action;
}

/* -- reading the log itself -- */

bool look_reads_entries(struct look *look, const char *path)
{
    uint64_t mark = audit_reading_mark(look->token.id);
    if (audit_reading_has(&look->audit->reading, mark))
        return true;
    struct json detail = json_to(&look->detail);
    json_open(&detail, '{');
    json_field_text(&detail, "from", path);
    json_close(&detail, '}');
    look->action = "audit.entries";
    look->reading = mark;
    return false;
}

/* -- refusals -- */

void look_refuse(struct http_request *request, int error)
{
    int status = http_status_of(error);
    if (status == 503)
        http_add_header(request, "Retry-After", "1");
    if (status == 500)
        log_line(LOG_ERROR, "a request failed", "path=%s error=%s", http_path(request), error_name(error));
    const char *kind = status == 503           ? "unavailable"
                       : status == 404         ? "not_found"
                       : status == 409         ? "conflict"
                       : status == 412         ? "overtaken"
                       : error == -QY_ECORRUPT ? "integrity"
                                               : "internal";
    http_problem(request, status, kind, NULL, "%s",
        error == -QY_EUNAVAILABLE ? "the suite's clock has not been heard of yet"
        : error == -QY_ETIMEOUT   ? "it takes too long: ask for less time, or with more filters "
                                    "(setting audit.search_most)"
        : error == -QY_ECORRUPT   ? "the log is not what it was: its files were altered or are damaged"
                                  : error_text(error));
}

bool look_refuse_pruned(struct look *look, uint64_t index)
{
    uint64_t record;
    if (!retention_pruning_of(look->txn, index, look->arena, &record))
        return false;
    http_problem(look->request, 410, "pruned", "index",
        "record %" PRIu64 " was pruned: record %" PRIu64 " says by which policy", index, record);
    return true;
}

bool look_refuse_pruned_size(struct look *look, uint64_t size, const char *field)
{
    struct merkle_tiles tiles = audit_store_tiles(look->txn);
    unsigned width = (unsigned)(size % MERKLE_TILE_HASHES);
    if (width == 0 || !audit_store_is_pruned(look->txn, size) ||
        tiles.read(tiles.self, 0, size / MERKLE_TILE_HASHES, width))
        return false;
    http_problem(look->request, 410, "pruned", field,
        "the hashes of the tile in which a tree of %" PRIu64
        " ends went when the last of their records was pruned; sizes that 256 divides can be proven for good",
        size);
    return true;
}

void look_refuse_parameter(struct http_request *request, const char *field, const char *problem)
{
    http_problem(request, 400, "invalid", field, "%s %s", field, problem);
}

bool look_asks_nothing(struct http_request *request)
{
    char field[PARAMETER_NAME_BYTES];
    const char *problem = audit_parameters_none(request, field);
    if (problem)
        look_refuse_parameter(request, field, problem);
    return !problem;
}

/* -- on record, then answered -- */

void look_actor(const struct look *look, Quanyu__Actor *ret_actor)
{
    quanyu__actor__init(ret_actor);
    ret_actor->kind = QUANYU__ACTOR__KIND__AUDITOR;
    ret_actor->id = (char *)(uintptr_t)look->token.id;
    ret_actor->name = (char *)(uintptr_t)look->token.name;
    ret_actor->role = (char *)(uintptr_t)audit_role_name(look->token.role);
    ret_actor->address = (char *)(uintptr_t)http_peer(look->request);
    ret_actor->token_id = (char *)(uintptr_t)look->token.id;
}

static const char *outcome_of(const struct look *look)
{
    return look->outcome ? look->outcome : look->refused ? "denied" : "ok";
}

static int take_look(struct work *work, struct batch *batch)
{
    struct look *look = (struct look *)work;
    Quanyu__Actor actor;
    int error = look->apply ? look->apply(look, batch) : 0;
    if (error)
        return error;
    look_actor(look, &actor);
    const struct audit_query query = {
        .actor = &actor,
        .peer = "audit",
        .request_id = http_request_id(look->request),
        .action = look->action,
        .outcome = outcome_of(look),
        .detail = buffer_c_str(&look->detail), /* apply may have said what it did */
    };
    error = audit_query_take(look->audit, batch, &query);
    return error && look->apply ? store_fail(batch->txn, error) : error; /* what was changed is taken back */
}

static void answer_look(struct work *work, int result)
{
    struct look *look = (struct look *)work;
    if (!result && look->reading)
        audit_reading_add(&look->audit->reading, look->reading);
    if (result)
        look_refuse(look->request, result);
    else if (look->refused)
        http_problem(
            look->request, look->status ? look->status : 403, outcome_of(look), NULL, "%s", look->refused);
    else
        http_respond(look->request, look->status ? look->status : 200,
            look->status == 204 ? NULL
            : look->type        ? look->type
                                : "application/json",
            look->body.data, look->body.size);
    look_close(&look);
}

/* What cannot be put on record is refused before the writer has it, which takes back a whole batch, and ends, where a part of one cannot be done. */
static bool is_too_much(struct look *look)
{
    if (look->detail.size <= DETAIL_BYTES_MAX)
        return false;
    http_problem(look->request, 400, "invalid", NULL,
        "what is asked is too much for a record: it would take %zu bytes there, %u at most",
        look->detail.size, DETAIL_BYTES_MAX);
    return true;
}

int look_submit(struct audit_http *http, struct look **look)
{
    if (buffer_error(&(*look)->body) || buffer_error(&(*look)->detail))
        return -QY_ENOMEM;
    if (is_too_much(*look))
        return 0;
    end_snapshot(*look);
    struct work *work = &(*look)->work;
    work->apply = take_look;
    work->done = answer_look;
    work->bytes = sizeof(**look) + (*look)->body.capacity;
    int error = service_submit(http->service, work);
    if (!error)
        TAKE(*look);
    return error;
}

int look_deny(struct audit_http *http, struct look **look, const char *action, const char *why)
{
    (*look)->action = action;
    (*look)->refused = why;
    return look_submit(http, look);
}
