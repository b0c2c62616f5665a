/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/audit_resume.h"

#include "common/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETTING "restore"

static bool read_row(yyjson_val *root, struct audit_resume *resume)
{
    const char *detail = yyjson_get_str(yyjson_obj_get(root, "detail"));
    yyjson_val *next = yyjson_obj_get(root, "next");
    resume->restored = true;
    resume->owed = yyjson_get_bool(yyjson_obj_get(root, "owed"));
    resume->anew = yyjson_get_bool(yyjson_obj_get(root, "anew"));
    resume->begun = yyjson_get_bool(yyjson_obj_get(root, "begun"));
    for (size_t i = 0; i < RESUME_INPUTS_MAX; i++)
        resume->next[i] = yyjson_get_uint(yyjson_arr_get(next, i));
    return detail &&
           snprintf(resume->detail, sizeof(resume->detail), "%s", detail) < (int)sizeof(resume->detail);
}

int audit_resume_read(struct store_txn *txn, struct audit_resume *ret_resume)
{
    struct audit_resume resume = {.restored = false};
    struct bytes row;
    if (!audit_store_setting(txn, SETTING, &row)) {
        *ret_resume = resume;
        return store_error(txn);
    }
    yyjson_doc *doc = yyjson_read((const char *)row.data, row.size, 0);
    bool good = doc && read_row(yyjson_doc_get_root(doc), &resume);
    yyjson_doc_free(doc);
    if (good)
        *ret_resume = resume;
    return good ? 0 : -QY_ECORRUPT;
}

void audit_resume_write(struct store_txn *txn, const struct audit_resume *resume)
{
    _cleanup_(buffer_free) struct buffer row = BUFFER_INIT;
    struct json json = json_to(&row);
    json_open(&json, '{');
    json_field_bool(&json, "owed", resume->owed);
    json_field_bool(&json, "anew", resume->anew);
    json_field_bool(&json, "begun", resume->begun);
    json_name(&json, "next");
    json_open(&json, '[');
    for (size_t i = 0; i < RESUME_INPUTS_MAX; i++)
        json_unsigned(&json, resume->next[i]);
    json_close(&json, ']');
    json_field_text(&json, "detail", resume->detail);
    json_close(&json, '}');
    if (buffer_error(&row))
        store_fail(txn, buffer_error(&row));
    else
        audit_store_put_setting(txn, SETTING, (struct bytes){row.data, row.size});
}

static bool is_there(const struct batch *batch, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/../%s", store_path(batch->txn), name);
    return access(path, F_OK) == 0;
}

int audit_resume_check(const struct batch *batch)
{
    if (is_there(batch, RESTORE_MARK))
        return service_refuse_start(batch->service, -QY_ECONFLICT,
            "a restore into the audit service's directory was cut short (" RESTORE_MARK
            " in it): run it again");
    if (is_there(batch, MIRROR_MARK))
        return service_refuse_start(batch->service, -QY_ECONFLICT,
            "the audit service's directory is a warm copy (" MIRROR_MARK
            " in it): quanyu audit restore makes one to start from of it");
    return 0;
}

int audit_resume_begin(struct audit_resume *resume, struct batch *batch, unsigned inputs)
{
    if (!resume->anew)
        return 0;
    for (unsigned i = 0; i < inputs; i++)
        batch_follow_oldest(batch, i, !resume->begun);
    if (resume->begun)
        return 0;
    resume->begun = true;
    audit_resume_write(batch->txn, resume);
    return store_error(batch->txn);
}

bool audit_resume_has(const struct audit_resume *resume, unsigned input, uint64_t offset)
{
    return offset < resume->next[input];
}
