/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json and /docs: what SDKs call, and the API. */
#include "services/gateway/api.h"

static const struct openapi_operation *operation_at(size_t index)
{
    if (index < sdk_operation_count)
        return &sdk_operations[index];
    index -= sdk_operation_count;
    return index < api_operation_count ? &api_operations[index].about : NULL;
}

static bool rights_of(size_t index, struct openapi_rights *ret_rights)
{
    if (index < sdk_operation_count || api_operations[index - sdk_operation_count].about.open)
        return false;
    const struct api_operation *operation = &api_operations[index - sdk_operation_count];
    const struct on_record *on_record = on_record_of(operation);
    if (operation->permission)
        *ret_rights = (struct openapi_rights){permission_name(operation->permission),
            api_scope_name(operation->scope), on_record ? on_record->action : NULL};
    return true;
}

const struct openapi_description gateway_description = {
    .title = "Quanyu",
    .summary = "Takes events in from every touchpoint, and shows and changes what came of them. Whatever "
               "shows a person, or how many people "
               "fulfil what a caller chose, is on record before it is answered, and is 503 while the audit "
               "log is away. Errors are "
               "problem documents (RFC 9457) that name the field. HEAD is answered wherever GET is.",
    .security = "token",
    .files = gateway_openapi_files,
    .operation = operation_at,
    .rights = rights_of,
};

int openapi_show(struct api_call *call)
{
    struct bytes document = openapi_document(call->openapi);
    buffer_append(&call->out, document.data, document.size);
    return 0;
}

int docs_show(struct api_call *call)
{
    struct bytes page = openapi_page(call->openapi);
    http_add_header(call->request, "Content-Security-Policy", openapi_page_policy(call->openapi));
    buffer_append(&call->out, page.data, page.size);
    return 0;
}
