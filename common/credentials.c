/* SPDX-License-Identifier: Apache-2.0 */
#include "common/credentials.h"

#include "common/directory.h"
#include "common/error.h"

#include <stdio.h>
#include <string.h>

bool credentials_wanted(const struct config *config)
{
    return strcmp(config_text(config, "bootstrap"), "none") != 0;
}

int credentials_write(const struct config *config, const char *service, const struct buffer *json)
{
    const char *directory = config_text(config, "bootstrap");
    char path[700];
    int error = directory_make(directory);
    snprintf(path, sizeof(path), "%.600s/%s.json", directory, service);
    return error ? error : directory_replace_file(path, json->data, json->size);
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
