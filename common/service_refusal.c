/* SPDX-License-Identifier: Apache-2.0 */
/* Why a service cannot start, said so that whoever reads the line knows which setting or path to look at, and what to do. */
#include "common/service_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int service_refuse_start(struct service *service, int code, const char *format, ...)
{
    if (service->refusal[0])
        return code;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(service->refusal, sizeof(service->refusal), format, arguments);
    va_end(arguments);
    return code;
}

int refuse_directory(struct service *service, int code, const char *path, const char *setting)
{
    const char *reason = errno ? strerror(errno) : error_text(code);
    const char *advice = code == -QY_EFULL ? "free some of this disk, then start again"
                                           : "make it writable for this user, or name another one";
    return service_refuse_start(service, code, "directory %s cannot be made or synced: %s (setting %s): %s",
        path, reason, setting, advice);
}

int refuse_keys(struct service *service, int code, const char *directory, const char *name)
{
    const char *advice = "it must be readable and, at the first start, writable for this user";
    if (code == -QY_ENOTFOUND)
        advice = "a file is missing: copy it there, or let `quanyu keys` make them all";
    else if (code == -QY_EFULL)
        advice = "no room left: free some of this disk, then start again";
    else if (code == -QY_ECORRUPT)
        advice =
            "a file is damaged, is the same as another's, or does not go with its pair: copy it there again";
    return service_refuse_start(
        service, code, "keys in %s (setting keys), of %s: %s", directory, name, advice);
}

int refuse_state(struct service *service, int code)
{
    const char *path = service->state_path, *name = service->spec->name;
    if (code == -QY_ECONFLICT && !service->store)
        return service_refuse_start(service, code,
            "another process (pid %d) has %s open: quanyu-%s runs already on this data. Stop it first, or "
            "give this one another "
            "directory (setting data)",
            store_holder(path), path, name);
    switch (code) {
    case -QY_EVERSION:
        return service_refuse_start(service, code,
            "%s was written by another version of quanyu-%s, from which nothing leads here: start the "
            "program "
            "that wrote it",
            service->store ? service->journal_path : path, name);
    case -QY_ECORRUPT:
        return service_refuse_start(
            service, code, "%s or the journal beside it is damaged: put a backup in its place", path);
    case -QY_EFULL:
        return service_refuse_start(service, code,
            "no room left for %s: free some of this disk, or raise the settings %s.quota and %s.map_size",
            path, name, name);
    default:
        return service_refuse_start(service, code,
            "%s or what is beside it cannot be opened: %s (setting data)", service->data_path,
            error_text(code));
    }
}

int refuse_listen(struct service *service, int code, const char *endpoint, bool feed)
{
    const char *name = service->spec->name, *what = feed ? " + 1" : "";
    if (code == -QY_ECONFLICT)
        return service_refuse_start(service, code,
            "%s is in use by another process: stop that, or choose another port (setting %s.rpc_port%s)",
            endpoint, name, what);
    if (code == -QY_EINVAL)
        return service_refuse_start(service, code,
            "cannot listen on %s: setting bind must be an address of this machine, and %s.rpc_port%s a free "
            "port",
            endpoint, name, what);
    return service_refuse_start(service, code, "cannot listen on %s: %s (settings bind, %s.rpc_port%s)",
        endpoint, error_text(code), name, what);
}
