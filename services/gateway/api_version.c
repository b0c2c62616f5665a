/* SPDX-License-Identifier: Apache-2.0 */
/* ETag and If-Match (RFC 9110): who changes something may say which version of it they have seen. */
#include "services/gateway/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void api_write_version(struct api_call *call, uint64_t version)
{
    snprintf(call->etag, sizeof(call->etag), "\"%" PRIu64 "\"", version);
}

bool api_version_of_tag(const char *tag, uint64_t *ret_version)
{
    size_t digits = *tag == '"' ? strspn(tag + 1, "0123456789") : 0;
    if (digits == 0 || digits > 19 || strcmp(tag + 1 + digits, "\"") != 0)
        return false;
    *ret_version = strtoull(tag + 1, NULL, 10);
    return true;
}

int api_read_version(struct api_call *call, uint64_t *ret_version)
{
    const char *header = http_header(call->request, "If-Match");
    *ret_version = 0;
    if (!header || strcmp(header, "*") == 0)
        return 0;
    if (!api_version_of_tag(header, ret_version))
        return api_refuse(
            call, -QY_EINVAL, "If-Match", "must be the ETag of an earlier answer, with its quotes, or *");
    /* Versions begin with 1. */
    return *ret_version ? 0 : api_refuse(call, -QY_EOVERTAKEN, "If-Match", "there was never a version 0");
}
