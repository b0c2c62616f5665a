/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    const char *name;
    const char *text;
} errors[QY_ERROR_COUNT] = {
    [QY_OK] = {"OK", "ok"},
    [QY_ENOMEM] = {"NOMEM", "out of memory"},
    [QY_EINVAL] = {"INVAL", "invalid input"},
    [QY_ENOTFOUND] = {"NOTFOUND", "not found"},
    [QY_EEXISTS] = {"EXISTS", "exists already"},
    [QY_ECONFLICT] = {"CONFLICT", "conflicts with the present state"},
    [QY_EDENIED] = {"DENIED", "not allowed"},
    [QY_EUNAUTHENTIC] = {"UNAUTHENTIC", "missing, wrong or expired credentials"},
    [QY_ETOOLARGE] = {"TOOLARGE", "too large"},
    [QY_EFULL] = {"FULL", "no room left"},
    [QY_EUNAVAILABLE] = {"UNAVAILABLE", "not available now"},
    [QY_ETIMEOUT] = {"TIMEOUT", "no answer in time"},
    [QY_ECORRUPT] = {"CORRUPT", "corrupt data"},
    [QY_EIO] = {"IO", "input/output error"},
    [QY_EVERSION] = {"VERSION", "unknown version"},
    [QY_ETRIMMED] = {"TRIMMED", "no longer held"},
    [QY_EDIVERGED] = {"DIVERGED", "different history"},
    [QY_EAHEAD] = {"AHEAD", "past the end"},
    [QY_ESTOPPED] = {"STOPPED", "shutting down"},
    [QY_EUNSUPPORTED] = {"UNSUPPORTED", "no such call"},
    [QY_EOVERTAKEN] = {"OVERTAKEN", "changed meanwhile"},
};

static size_t index_of(int code)
{
    int positive = code < 0 ? -code : code;
    return positive < QY_ERROR_COUNT ? (size_t)positive : (size_t)QY_EIO;
}

const char *error_text(int code)
{
    return errors[index_of(code)].text;
}

const char *error_name(int code)
{
    return errors[index_of(code)].name;
}

int error_from_errno(int system_errno)
{
    switch (system_errno) {
    case 0:
        return 0;
    case ENOSPC:
    case EDQUOT:
        return -QY_EFULL;
    case ENOMEM:
        return -QY_ENOMEM;
    case ENOENT:
        return -QY_ENOTFOUND;
    default:
        return -QY_EIO;
    }
}
