/* SPDX-License-Identifier: Apache-2.0 */
/* Imports are declared before their lines are sent. Ids come from file, position and mapping, so a file that was mended, or is
 * read by another mapping, is new to the deduplication as a whole: where it looks like one that was imported it is refused,
 * unless whoever imports it says that it is another one. */
#include "common/clock.h"
#include "common/waiting_work.h"
#include "services/gateway/api.h"

#include <sodium.h>
#include <string.h>

struct declaration {
    struct waiting_work waiting;
    const struct api_call *call;
    const char *marks[IMPORT_MARKS];
    struct import_row own;
    bool as_new;
    bool known;           /* this very one came before: it is run again */
    enum import_mark met; /* by which it looks like an earlier one */
    struct import_row earlier;
};

/* An earlier one of which nothing was taken can count nothing twice. */
static bool looks_like_another(struct declaration *declaration, struct store_txn *txn)
{
    for (enum import_mark mark = IMPORT_NAME; mark < IMPORT_MARKS; mark++) {
        declaration->met = mark;
        if (import_mark_get(txn, mark, declaration->marks[mark], &declaration->earlier) &&
            import_has_taken(txn, declaration->earlier.id))
            return true;
    }
    return false;
}

/* Not the file's name, which may be anything. */
static int emit_act(const struct declaration *declaration, struct batch *batch)
{
    char hex[2 * sizeof(declaration->own.id) + 1], detail[sizeof(hex) + 48];
    sodium_bin2hex(hex, sizeof(hex), declaration->own.id, sizeof(declaration->own.id));
    snprintf(
        detail, sizeof(detail), "{\"id\":\"%s\",\"as_new\":%s}", hex, declaration->as_new ? "true" : "false");
    gateway_emit_act(batch, &declaration->call->actor, http_request_id(declaration->call->request),
        "import.declare", detail);
    return 0;
}

static int apply_declaration(struct work *work, struct batch *batch)
{
    struct declaration *declaration = (struct declaration *)work;
    struct store_txn *txn = batch->txn;
    declaration->known =
        import_mark_get(txn, IMPORT_ID, declaration->marks[IMPORT_ID], &declaration->earlier);
    if (declaration->known)
        return 0;
    if (!declaration->as_new && looks_like_another(declaration, txn))
        return -QY_ECONFLICT;
    declaration->own.begun_ms = batch->now_ms;
    for (enum import_mark mark = IMPORT_ID; mark < IMPORT_MARKS; mark++)
        import_mark_put(txn, mark, declaration->marks[mark], &declaration->own);
    return emit_act(declaration, batch);
}

static int read_declaration(struct api_call *call, struct declaration *declaration)
{
    static const char *const names[IMPORT_MARKS] = {"id", "name", "beginning"};
    size_t size;
    int error = 0;
    for (enum import_mark mark = IMPORT_ID; !error && mark < IMPORT_MARKS; mark++)
        error = api_text(call, names[mark], true, &declaration->marks[mark]);
    if (!error)
        error = api_boolean(call, "as_new", false, &declaration->as_new);
    if (error)
        return error;
    const char *id = declaration->marks[IMPORT_ID];
    if (strlen(id) != 32 || sodium_hex2bin(declaration->own.id, 16, id, 32, NULL, &size, NULL) != 0 ||
        size != 16)
        return api_refuse(call, -QY_EINVAL, "id", "must be 32 hexadecimal digits");
    return 0;
}

static int refuse(struct api_call *call, const struct declaration *declaration)
{
    char time[TIME_TEXT_BYTES];
    bool name = declaration->met == IMPORT_NAME;
    return api_refuse(call, -QY_ECONFLICT, name ? "name" : "beginning",
        "a file %s was imported at %s with other content or another mapping",
        name ? "of the same name" : "that begins with the same lines",
        time_format(declaration->earlier.begun_ms, time));
}

int import_declare(struct api_call *call)
{
    struct declaration declaration = {.call = call};
    int error = read_declaration(call, &declaration);
    if (!error)
        error = waiting_work_run(call->gateway->service, &declaration.waiting, apply_declaration);
    if (error == -QY_ECONFLICT)
        return refuse(call, &declaration);
    if (error)
        return error;
    struct json json = json_to(&call->out);
    json_open(&json, '{');
    json_field_text(&json, "id", declaration.marks[IMPORT_ID]);
    json_field_bool(&json, "known", declaration.known);
    json_close(&json, '}');
    return 0;
}
