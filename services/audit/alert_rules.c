/* SPDX-License-Identifier: Apache-2.0 */
#include "services/audit/alert_rules.h"

#include "services/audit/audit_zone.h"

#include <stdio.h>
#include <string.h>

#define LEAST_MAX 1000000u
#define DEVIATIONS_MAX 1000.0

void alert_rules_standard(struct alert_rules *rules)
{
    *rules = (struct alert_rules){.window_days = 28, .work_from = 8 * 60, .work_to = 22 * 60};
    memcpy(rules->rules, habit_standard, sizeof(rules->rules));
}

bool alert_rules_is_off(const struct alert_rules *rules, int minute)
{
    if (rules->work_from <= rules->work_to)
        return minute < rules->work_from || minute >= rules->work_to;
    return minute < rules->work_from && minute >= rules->work_to;
}

/* -- reading: each member has a reader, which returns what is wrong -- */

static const char *name_of(yyjson_val *key)
{
    const char *name = yyjson_get_str(key);
    return name ? name : "";
}

/* A text while it is read. */
struct reading {
    struct alert_rules *rules;
    char *field; /* ALERT_FIELD_BYTES */
    struct habit_rule *rule;
};

typedef const char *read_fn(struct reading *reading, yyjson_val *value);
struct member {
    const char *name;
    read_fn *read;
};

static const char *read_members(struct reading *reading, yyjson_val *object, const char *place,
    const struct member *members, size_t count)
{
    size_t index, most;
    yyjson_val *name, *value;
    snprintf(reading->field, ALERT_FIELD_BYTES, "%s", place);
    if (!yyjson_is_obj(object))
        return "must be an object";
    yyjson_obj_foreach(object, index, most, name, value)
    {
        size_t i = 0;
        while (i < count && !yyjson_equals_str(name, members[i].name))
            i++;
        snprintf(reading->field, ALERT_FIELD_BYTES, "%s/%.32s", place, name_of(name));
        const char *problem = i < count ? members[i].read(reading, value) : "is unknown";
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *read_text(yyjson_val *value, char *out, size_t size)
{
    const char *text = yyjson_get_str(value);
    if (!text || !*text || strlen(text) != yyjson_get_len(value))
        return "must be a text that is not empty";
    if (strlen(text) >= size)
        return "is too long";
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20)
            return "must not hold control characters";
    snprintf(out, size, "%s", text);
    return NULL;
}

static const char *read_window(struct reading *reading, yyjson_val *value)
{
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) < HABIT_DAYS_LEAST ||
        yyjson_get_uint(value) > ALERT_WINDOW_DAYS_MAX)
        return "must be a number of days from 5 to 90";
    reading->rules->window_days = (unsigned)yyjson_get_uint(value);
    return NULL;
}

_Static_assert(HABIT_DAYS_LEAST == 5 && ALERT_WINDOW_DAYS_MAX == 90, "the message above says so");

static const char *read_zone(struct reading *reading, yyjson_val *value)
{
    struct audit_zone zone;
    struct arena *arena = NULL;
    const char *problem = read_text(value, reading->rules->zone, sizeof(reading->rules->zone));
    if (problem || arena_open(&arena))
        return problem ? problem : "cannot be taken: out of memory";
    bool known = audit_zone_find(reading->rules->zone, arena, &zone);
    arena_close(&arena);
    return known ? NULL : "must be UTC, an offset (+08:00) or a name (Asia/Shanghai)";
}

static const char *read_minute(yyjson_val *value, int *ret_minute)
{
    const char *text = yyjson_get_str(value);
    int hour, minute, end = 0;
    if (!text || strlen(text) != 5 || sscanf(text, "%2d:%2d%n", &hour, &minute, &end) != 2 || end != 5 ||
        hour < 0 || hour > 24 || minute < 0 || minute > 59 || hour * 60 + minute > 24 * 60)
        return "must be a time of day, like \"08:00\"";
    *ret_minute = hour * 60 + minute;
    return NULL;
}

static const char *read_from(struct reading *reading, yyjson_val *value)
{
    return read_minute(value, &reading->rules->work_from);
}

static const char *read_to(struct reading *reading, yyjson_val *value)
{
    return read_minute(value, &reading->rules->work_to);
}

static const char *read_on(struct reading *reading, yyjson_val *value)
{
    reading->rule->on = yyjson_get_bool(value);
    return yyjson_is_bool(value) ? NULL : "must be true or false";
}

static const char *read_least(struct reading *reading, yyjson_val *value)
{
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) == 0 || yyjson_get_uint(value) > LEAST_MAX)
        return "must be a number from 1 to 1000000";
    reading->rule->least = (uint32_t)yyjson_get_uint(value);
    return NULL;
}

static const char *read_deviations(struct reading *reading, yyjson_val *value)
{
    double deviations = yyjson_get_num(value);
    if (!yyjson_is_num(value) || !(deviations >= 0 && deviations <= DEVIATIONS_MAX))
        return "must be a number from 0 to 1000";
    reading->rule->deviations = deviations;
    return NULL;
}

static const char *read_rules(struct reading *reading, yyjson_val *value)
{
    static const struct member members[] = {
        {"on", read_on}, {"least", read_least}, {"deviations", read_deviations}};
    size_t index, most;
    yyjson_val *name, *rule;
    if (!yyjson_is_obj(value))
        return "must be an object";
    yyjson_obj_foreach(value, index, most, name, rule)
    {
        char place[ALERT_FIELD_BYTES];
        size_t i = 0;
        while (i < HABIT_RULES && !yyjson_equals_str(name, reading->rules->rules[i].name))
            i++;
        snprintf(place, sizeof(place), "/rules/%.24s", name_of(name));
        snprintf(reading->field, ALERT_FIELD_BYTES, "%s", place);
        reading->rule = &reading->rules->rules[i < HABIT_RULES ? i : 0];
        const char *problem =
            i < HABIT_RULES ? read_members(reading, rule, place, members, sizeof(members) / sizeof(*members))
                            : "is unknown: there are habit, peers, breadth, off_hours, refusals and repeated";
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *read_url(struct reading *reading, yyjson_val *value)
{
    char *url = reading->rules->webhook_url;
    const char *problem = read_text(value, url, sizeof(reading->rules->webhook_url));
    if (problem)
        return problem;
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0
               ? NULL
               : "must be an http or https URL";
}

static const char *read_secret(struct reading *reading, yyjson_val *value)
{
    return read_text(value, reading->rules->webhook_secret, sizeof(reading->rules->webhook_secret));
}

static const char *read_webhook(struct reading *reading, yyjson_val *value)
{
    static const struct member members[] = {{"url", read_url}, {"secret", read_secret}};
    if (yyjson_is_null(value)) {
        reading->rules->webhook_secret[0] = '\0';
        return NULL;
    }
    const char *problem =
        read_members(reading, value, "/webhook", members, sizeof(members) / sizeof(*members));
    if (problem)
        return problem;
    snprintf(reading->field, ALERT_FIELD_BYTES, "%s",
        *reading->rules->webhook_url ? "/webhook/secret" : "/webhook/url");
    return *reading->rules->webhook_url && *reading->rules->webhook_secret ? NULL : "is missing";
}

static const char *read_email(struct reading *reading, yyjson_val *value)
{
    size_t index, most;
    yyjson_val *address;
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) > ALERT_EMAILS_MAX)
        return "must be a list of 10 addresses at most";
    yyjson_arr_foreach(value, index, most, address)
    {
        char *email = reading->rules->emails[index];
        const char *problem = read_text(address, email, sizeof(reading->rules->emails[0]));
        if (problem)
            return problem;
        if (!strchr(email, '@') || strpbrk(email, " <>,;\""))
            return "must hold plain addresses";
    }
    reading->rules->email_count = yyjson_arr_size(value);
    return NULL;
}

_Static_assert(ALERT_EMAILS_MAX == 10, "the message above says so");

const char *alert_rules_parse(struct bytes text, struct alert_rules *rules, char ret_field[ALERT_FIELD_BYTES])
{
    static const struct member members[] = {{"window_days", read_window}, {"timezone", read_zone},
        {"work_from", read_from}, {"work_to", read_to}, {"rules", read_rules}, {"webhook", read_webhook},
        {"email", read_email}};
    struct alert_rules read;
    struct reading reading = {.rules = &read, .field = ret_field};
    alert_rules_standard(&read);
    memcpy(read.webhook_secret, rules->webhook_secret, sizeof(read.webhook_secret));
    yyjson_doc *doc = yyjson_read((const char *)text.data, text.size, 0);
    snprintf(ret_field, ALERT_FIELD_BYTES, "/");
    const char *problem = doc ? read_members(&reading, yyjson_doc_get_root(doc), "", members,
                                    sizeof(members) / sizeof(*members))
                              : "is not JSON";
    yyjson_doc_free(doc);
    if (problem)
        return problem;
    if (!*read.webhook_url)
        read.webhook_secret[0] = '\0';
    *rules = read;
    return NULL;
}

/* -- writing -- */

static void write_minute(struct json *json, const char *name, int minute)
{
    char text[24];
    snprintf(text, sizeof(text), "%02d:%02d", minute / 60, minute % 60);
    json_field_text(json, name, text);
}

void alert_rules_write(const struct alert_rules *rules, bool with_secret, struct json *json)
{
    json_open(json, '{');
    json_field_unsigned(json, "window_days", rules->window_days);
    json_field_optional(json, "timezone", rules->zone);
    write_minute(json, "work_from", rules->work_from);
    write_minute(json, "work_to", rules->work_to);
    json_name(json, "rules");
    json_open(json, '{');
    for (size_t i = 0; i < HABIT_RULES; i++) {
        const struct habit_rule *rule = &rules->rules[i];
        json_name(json, rule->name);
        json_open(json, '{');
        json_field_bool(json, "on", rule->on);
        json_field_unsigned(json, "least", rule->least);
        json_name(json, "deviations");
        json_decimal(json, rule->deviations);
        json_close(json, '}');
    }
    json_close(json, '}');
    json_name(json, "webhook");
    if (*rules->webhook_url) {
        json_open(json, '{');
        json_field_text(json, "url", rules->webhook_url);
        json_field_optional(json, "secret", with_secret ? rules->webhook_secret : NULL);
        json_close(json, '}');
    } else {
        json_null(json);
    }
    json_name(json, "email");
    json_open(json, '[');
    for (size_t i = 0; i < rules->email_count; i++)
        json_text(json, rules->emails[i]);
    json_close(json, ']');
    json_close(json, '}');
}
