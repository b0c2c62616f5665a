/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_value.h"

#include "common/clock.h"
#include "common/proxy.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unit {
    const char *suffix;
    int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1}, {"K", INT64_C(1) << 10}, {"M", INT64_C(1) << 20},
    {"G", INT64_C(1) << 30}, {"T", INT64_C(1) << 40}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}, {NULL, 0}};

/* Digits and one of the units, nothing else. */
static bool read_scaled(const char *value, const struct unit *units, int64_t *ret_number)
{
    int64_t number = 0;
    const char *cursor = value;
    for (; isdigit((unsigned char)*cursor); cursor++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *cursor - '0', &number))
            return false;
    if (cursor == value)
        return false;
    for (; units->suffix; units++)
        if (strcmp(cursor, units->suffix) == 0)
            return !__builtin_mul_overflow(number, units->factor, ret_number);
    return false;
}

static bool read_bool(const char *value, int64_t *ret_number)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(value, words[i]) == 0) {
            *ret_number = (int64_t)(i % 2);
            return true;
        }
    return false;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t size = strlen(value);
    while (size > 0) {
        size_t word = strcspn(choices, "|");
        if (word == size && strncmp(choices, value, size) == 0)
            return true;
        if (!choices[word])
            return false;
        choices += word + 1;
    }
    return false;
}

static bool read_text(const struct config_setting *setting, const char *value, char wrong[160])
{
    if (setting->choices && !is_choice(setting->choices, value)) {
        snprintf(wrong, 160, "must be one of %s", setting->choices);
        return false;
    }
    const char *complaint = setting->check ? setting->check(value) : NULL;
    if (complaint)
        snprintf(wrong, 160, "%s", complaint);
    return !complaint;
}

static bool read_number(
    const struct config_setting *setting, const char *value, int64_t *ret_number, char wrong[160])
{
    const struct unit *units = no_units;
    const char *shape = "a number", *unit = "";
    if (setting->type == CONFIG_BYTES) {
        units = byte_units;
        shape = "a size such as 512K, 64M or 16G";
        unit = " bytes";
    } else if (setting->type == CONFIG_DURATION) {
        units = time_units;
        shape = "a duration such as 500ms, 90s, 15m, 36h or 7d";
        unit = " ms";
    }
    int64_t number;
    if (!read_scaled(value, units, &number)) {
        snprintf(wrong, 160, "\"%.40s\" is not %s", value, shape);
        return false;
    }
    if (number < setting->least || number > setting->most) {
        snprintf(wrong, 160, "\"%.40s\" is not between %lld and %lld%s", value, (long long)setting->least,
            (long long)setting->most, unit);
        return false;
    }
    *ret_number = number;
    return true;
}

bool config_value_read(
    const struct config_setting *setting, const char *value, int64_t *ret_number, char wrong[160])
{
    if (setting->type == CONFIG_TEXT) {
        *ret_number = 0;
        return read_text(setting, value, wrong);
    }
    if (setting->type != CONFIG_BOOL)
        return read_number(setting, value, ret_number, wrong);
    if (read_bool(value, ret_number))
        return true;
    snprintf(wrong, 160, "\"%.40s\" is not true or false", value);
    return false;
}

/* `count` capitals and nothing else. */
static bool is_code(const char *value, size_t count)
{
    return strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == count && value[count] == 0;
}

const char *config_check_path(const char *value)
{
    return *value && strlen(value) < 1024 ? NULL : "must be a path of 1 to 1,023 bytes";
}

const char *config_check_host(const char *value)
{
    size_t allowed = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:");
    return *value && value[allowed] == 0 ? NULL : "must be an address or a host name";
}

const char *config_check_zone(const char *value)
{
    size_t allowed = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/");
    char path[PATH_MAX];
    const char *directory = getenv("TZDIR");
    snprintf(path, sizeof(path), "%s/%s", directory ? directory : "/usr/share/zoneinfo", value);
    if (*value && value[allowed] == 0 && (strcmp(value, "UTC") == 0 || access(path, R_OK) == 0))
        return NULL;
    return "must be an IANA time zone that this system knows, such as Asia/Shanghai";
}

const char *config_check_currency(const char *value)
{
    return is_code(value, 3) ? NULL : "must be three capitals, such as CNY";
}

const char *config_check_region(const char *value)
{
    return is_code(value, 2) ? NULL : "must be two capitals, such as CN";
}

const char *config_check_time(const char *value)
{
    int64_t ms;
    return time_parse(value, strlen(value), false, &ms) ? NULL
                                                        : "must be a time such as 2026-01-01T00:00:00Z";
}

const char *config_check_kinds(const char *value)
{
    while (*value) {
        size_t word = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");
        if (word == 0 || word > 32 || (value[word] && value[word] != ',') ||
            (value[word] == ',' && !value[word + 1]))
            return "must be names of small letters, digits and _, at most 32 characters each, with commas "
                   "between";
        value += word + (value[word] == ',');
    }
    return NULL;
}

const char *config_check_proxies(const char *value)
{
    struct proxies proxies;
    return proxies_read(value, &proxies);
}
