/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/config_value.h"
#include "common/error.h"
#include "common/mem.h"

#include <assert.h>
#include <ctype.h>
#include <czmq.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 128
#define FILE_BYTES ((size_t)1 << 20)

struct value {
    char *text; /* NULL until something gave it */
    int64_t number;
};

struct config {
    size_t count;
    struct value values[]; /* one for each of config_settings */
};

/* What config_open() carries about while it reads. */
struct reading {
    struct config *config;
    const char *file;
    char *error; /* 256 bytes */
    int result;
};

static int refuse(struct reading *reading, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct reading *reading, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->error, 256, format, arguments);
    va_end(arguments);
    for (char *c = reading->error; *c; c++) /* values come from outside, and the message is one line */
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return reading->result = code;
}

static size_t find(const char *name)
{
    size_t i = 0;
    while (i < config_setting_count && strcmp(config_settings[i].name, name) != 0)
        i++;
    return i;
}

static void variable_name(const char *name, char variable[NAME_BYTES])
{
    size_t size = (size_t)snprintf(variable, NAME_BYTES, "QUANYU_%s", name);
    assert(size < NAME_BYTES);
    for (char *c = variable; *c; c++)
        if (*c == '.')
            *c = '_';
        else if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
}

/* `where` is what a person looks at to mend it: the file's or the variable's name. */
static int set(struct reading *reading, const char *where, size_t index, const char *text)
{
    const struct config_setting *setting = &config_settings[index];
    struct value *value = &reading->config->values[index];
    char wrong[160];
    if (!config_value_read(setting, text, &value->number, wrong))
        return refuse(reading, -QY_EINVAL, "%.60s: %s: %s", where, setting->name, wrong);
    free(value->text);
    value->text = strdup(text);
    return value->text ? 0 : refuse(reading, -QY_ENOMEM, "out of memory");
}

/* -- the file -- */

static int take_entry(struct reading *reading, zconfig_t *entry, const char *section)
{
    char name[NAME_BYTES];
    int size = snprintf(name, sizeof(name), "%s%s%s", section, *section ? "." : "", zconfig_name(entry));
    zconfig_t *child = zconfig_child(entry);
    const char *text = zconfig_value(entry);
    if (child && (*section || (text && *text)))
        return refuse(reading, -QY_EINVAL, "%.60s: %.80s: no such section", reading->file, name);
    for (; child && !reading->result; child = zconfig_next(child))
        take_entry(reading, child, zconfig_name(entry));
    if (reading->result || zconfig_child(entry))
        return reading->result;
    size_t index = size < NAME_BYTES ? find(name) : config_setting_count;
    if (index == config_setting_count)
        return refuse(reading, -QY_EINVAL, "%.60s: %.80s: no such setting", reading->file, name);
    if (reading->config->values[index].text)
        return refuse(reading, -QY_EINVAL, "%.60s: %s: given twice", reading->file, name);
    return set(reading, reading->file, index, text ? text : "");
}

/* NULL when it cannot be read or is longer than any settings file is. (zconfig_load() leaks where the syntax
 * is wrong.) */
static zchunk_t *load(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    zchunk_t *chunk = zchunk_read(file, FILE_BYTES + 1);
    if (ferror(file) || zchunk_size(chunk) > FILE_BYTES) {
        errno = ferror(file) ? EIO : EFBIG;
        zchunk_destroy(&chunk);
    }
    fclose(file);
    return chunk;
}

static int read_file(struct reading *reading, const char *path)
{
    bool asked_for = path || getenv("QUANYU_CONFIG");
    reading->file = path ? path : asked_for ? getenv("QUANYU_CONFIG") : "quanyu.conf";
    zchunk_t *chunk = load(reading->file);
    if (!chunk)
        return asked_for || errno != ENOENT ? refuse(reading, -QY_ENOTFOUND, "%.180s: cannot be read: %s",
                                                  reading->file, strerror(errno))
                                            : 0;
    zconfig_t *root = zconfig_chunk_load(chunk);
    zchunk_destroy(&chunk);
    if (!root)
        return refuse(reading, -QY_EINVAL,
            "%.120s: not a settings file (\"name = value\" lines, those of a section indented by four "
            "blanks)",
            reading->file);
    for (zconfig_t *entry = zconfig_child(root); entry && !reading->result; entry = zconfig_next(entry))
        take_entry(reading, entry, "");
    zconfig_destroy(&root);
    return reading->result;
}

/* -- the environment -- */

static int take_variable(struct reading *reading, const char *variable)
{
    char name[NAME_BYTES], candidate[NAME_BYTES];
    size_t size = strcspn(variable, "=");
    snprintf(name, sizeof(name), "%.*s", (int)(size < NAME_BYTES ? size : NAME_BYTES - 1), variable);
    if (strcmp(name, "QUANYU_CONFIG") == 0 || strncmp(name, "QUANYU_TEST_", 12) == 0)
        return 0;
    for (size_t i = 0; i < config_setting_count; i++) {
        variable_name(config_settings[i].name, candidate);
        if (strcmp(candidate, name) == 0)
            return variable[size] && variable[size + 1] ? set(reading, name, i, variable + size + 1) : 0;
    }
    return refuse(reading, -QY_EINVAL, "%s: no such setting (environment)", name);
}

static int read_environment(struct reading *reading)
{
    for (char **variable = environ; *variable && !reading->result; variable++)
        if (strncmp(*variable, "QUANYU_", 7) == 0)
            take_variable(reading, *variable);
    return reading->result;
}

/* -- what nobody gave -- */

/* "<data>/keys": settings that follow another one stand behind it in the table. */
static int set_standard(struct reading *reading, size_t index)
{
    const char *standard = config_settings[index].standard;
    if (*standard != '<')
        return set(reading, "default", index, standard);
    char name[NAME_BYTES];
    size_t size = strcspn(standard, ">") - 1;
    snprintf(name, sizeof(name), "%.*s", (int)size, standard + 1);
    size_t other = find(name);
    assert(other < index);
    _cleanup_(free_pointer) char *text = NULL;
    if (asprintf(&text, "%s%s", reading->config->values[other].text, standard + size + 2) < 0)
        return refuse(reading, -QY_ENOMEM, "out of memory");
    return set(reading, "default", index, text);
}

static int fill_up(struct reading *reading)
{
    for (size_t i = 0; i < config_setting_count && !reading->result; i++)
        if (!reading->config->values[i].text)
            set_standard(reading, i);
    return reading->result;
}

int config_open(const char *path, struct config **ret_config, char error[256])
{
    _cleanup_(config_close) struct config *config =
        calloc(1, sizeof(*config) + config_setting_count * sizeof(config->values[0]));
    struct reading reading = {.config = config, .error = error};
    if (!config)
        return refuse(&reading, -QY_ENOMEM, "out of memory");
    config->count = config_setting_count;
    if (read_file(&reading, path) || read_environment(&reading) || fill_up(&reading))
        return reading.result;
    *ret_config = TAKE(config);
    return 0;
}

void config_close(struct config **config)
{
    if (!*config)
        return;
    for (size_t i = 0; i < (*config)->count; i++)
        free((*config)->values[i].text);
    free(*config);
    *config = NULL;
}

static const struct value *value_of(const struct config *config, const char *name)
{
    size_t index = find(name);
    assert(index < config->count);
    return &config->values[index];
}

static enum config_type type_of(const struct config *config, const struct value *value)
{
    return config_settings[value - config->values].type;
}

const char *config_text(const struct config *config, const char *name)
{
    return value_of(config, name)->text;
}

int64_t config_number(const struct config *config, const char *name)
{
    const struct value *value = value_of(config, name);
    assert(type_of(config, value) != CONFIG_TEXT && type_of(config, value) != CONFIG_BOOL);
    return value->number;
}

bool config_bool(const struct config *config, const char *name)
{
    const struct value *value = value_of(config, name);
    assert(type_of(config, value) == CONFIG_BOOL);
    return value->number != 0;
}

const char *config_service_text(const struct config *config, const char *service, const char *name)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof(full), "%s.%s", service, name);
    return config_text(config, full);
}

int64_t config_service_number(const struct config *config, const char *service, const char *name)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof(full), "%s.%s", service, name);
    return config_number(config, full);
}

void config_print_help(void)
{
    printf(
        "Settings, with their defaults. They stand in quanyu.conf (or the file that QUANYU_CONFIG names);\n"
        "environment variables override them: gateway.http_port is QUANYU_GATEWAY_HTTP_PORT.\n\n");
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        printf("  %s = %s\n      %s", setting->name, *setting->standard ? setting->standard : "\"\"",
            setting->help);
        if (setting->choices)
            printf(" (%s)", setting->choices);
        if (setting->lasting)
            printf("; stays as the first start found it");
        printf("\n");
    }
}
