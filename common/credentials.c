/* SPDX-License-Identifier: Apache-2.0 */
#include "common/credentials.h"

#include "common/directory.h"
#include "common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool credentials_wanted(const struct config *config)
{
    return strcmp(config_text(config, "bootstrap"), "none") != 0;
}

static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0)
            return error_from_errno(errno);
        data += written;
        size -= (size_t)written;
    }
    return fsync(file) ? error_from_errno(errno) : 0;
}

int credentials_write(const struct config *config, const char *service, const struct buffer *json)
{
    const char *directory = config_text(config, "bootstrap");
    char path[700], temporary[712];
    int error = directory_make(directory);
    if (error)
        return error;
    snprintf(path, sizeof(path), "%.600s/%s.json", directory, service);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    unlink(temporary);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_from_errno(errno);
    error = write_all(file, json->data, json->size);
    if (close(file) && !error)
        error = -QY_EIO;
    if (!error && rename(temporary, path))
        error = error_from_errno(errno);
    return error ? error : directory_sync(directory);
}

void credentials_url(const struct config *config, const char *service, char url[300])
{
    char name[64];
    snprintf(name, sizeof(name), "%s.public_url", service);
    const char *stated = config_text(config, name);
    if (*stated) {
        snprintf(url, 300, "%.299s", stated);
        return;
    }
    snprintf(name, sizeof(name), "%s.http_port", service);
    int port = (int)config_number(config, name);
    const char *scheme = port ? "http" : "https";
    if (!port) {
        snprintf(name, sizeof(name), "%s.https_port", service);
        port = (int)config_number(config, name);
    }
    snprintf(name, sizeof(name), "%s.%s_address", service, scheme);
    const char *address = config_text(config, name);
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    bool brackets = !any && strchr(address, ':');
    snprintf(url, 300, brackets ? "%s://[%.200s]:%d" : "%s://%.200s:%d", scheme, any ? "127.0.0.1" : address,
        port);
}
