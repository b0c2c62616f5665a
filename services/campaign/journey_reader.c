/* SPDX-License-Identifier: Apache-2.0 */
#include "services/campaign/journey_reader.h"

#include "common/rule.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a/b" is "a~1b" in a JSON pointer. */
static void escape_key(const char *key, char *out, size_t size)
{
    size_t used = 0;
    for (; *key && used + 3 < size; key++) {
        if (*key == '~' || *key == '/') {
            out[used++] = '~';
            out[used++] = *key == '~' ? '0' : '1';
        } else {
            out[used++] = *key;
        }
    }
    out[used] = '\0';
}

void reader_refuse(struct reader *reader, const struct part *part, const char *key, const char *format, ...)
{
    if (reader->error)
        return;
    reader->error = -QY_EINVAL;
    struct journey_problem *problem = reader->problem;
    char escaped[96] = "";
    if (key)
        escape_key(key, escaped, sizeof(escaped));
    snprintf(
        problem->pointer, sizeof(problem->pointer), "%.120s%s%s", part->pointer, key ? "/" : "", escaped);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->message, sizeof(problem->message), format, arguments);
    va_end(arguments);
}

void reader_fail(struct reader *reader)
{
    if (!reader->error)
        reader->error = -QY_ENOMEM;
}

struct part reader_item(struct reader *reader, const struct part *array, size_t index, yyjson_val *json)
{
    const char *pointer = arena_printf(reader->arena, "%s/%zu", array->pointer, index);
    if (!pointer)
        reader_fail(reader);
    return (struct part){json, pointer ? pointer : ""};
}

static bool is_among(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0)
            return true;
    return false;
}

bool reader_object(struct reader *reader, const struct part *part, const char *const *keys)
{
    if (!yyjson_is_obj(part->json)) {
        reader_refuse(reader, part, NULL, "must be an object");
        return false;
    }
    yyjson_obj_iter iterator = yyjson_obj_iter_with(part->json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iterator); key; key = yyjson_obj_iter_next(&iterator)) {
        const char *name = yyjson_get_str(key);
        if (!is_among(name, keys)) {
            reader_refuse(reader, part, name, "unknown key");
            return false;
        }
        if (yyjson_obj_get(part->json, name) != yyjson_obj_iter_get_val(key)) {
            reader_refuse(reader, part, name, "stands there twice");
            return false;
        }
    }
    return true;
}

static bool has_control(const char *text, size_t size, bool lines)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && !(lines && (c == '\n' || c == '\r' || c == '\t'))) || c == 0x7f)
            return true;
    }
    return false;
}

const char *reader_text(
    struct reader *reader, const struct part *part, const char *key, bool required, size_t most, bool lines)
{
    yyjson_val *json = yyjson_obj_get(part->json, key);
    if (!json) {
        if (required)
            reader_refuse(reader, part, key, "is missing");
        return NULL;
    }
    size_t size = yyjson_get_len(json);
    if (!yyjson_is_str(json) || size == 0)
        reader_refuse(reader, part, key, "must be a text that is not empty");
    else if (size > most)
        reader_refuse(reader, part, key, "is longer than %zu bytes", most);
    else if (has_control(yyjson_get_str(json), size, lines))
        reader_refuse(reader, part, key, "holds a control character");
    if (reader->error)
        return NULL;
    const char *text = arena_text(reader->arena, yyjson_get_str(json), size);
    if (!text)
        reader_fail(reader);
    return text;
}

bool reader_bool(struct reader *reader, const struct part *part, const char *key, bool absent)
{
    yyjson_val *json = yyjson_obj_get(part->json, key);
    if (json && !yyjson_is_bool(json))
        reader_refuse(reader, part, key, "must be true or false");
    return json ? yyjson_get_bool(json) : absent;
}

const char *reader_json(struct reader *reader, const struct part *part, const char *key, size_t *ret_size)
{
    yyjson_val *json = yyjson_obj_get(part->json, key);
    if (!json)
        return NULL;
    size_t size;
    _cleanup_(free_pointer) char *written = yyjson_val_write(json, YYJSON_WRITE_NOFLAG, &size);
    const char *text = written ? arena_text(reader->arena, written, size) : NULL;
    if (!text)
        reader_fail(reader);
    else
        *ret_size = size;
    return text;
}

void reader_rule(struct reader *reader, const struct part *part, const char *key, bool trigger,
    struct watch_rule *ret_rule)
{
    static const struct rule_names every_name = {.amount_scale = 2};
    yyjson_val *json = yyjson_obj_get(part->json, key);
    if (!json) {
        reader_refuse(reader, part, key, "is missing");
        return;
    }
    struct rule *rule = NULL;
    struct rule_problem problem;
    int error = rule_parse(json, &every_name, &rule, &problem);
    rule_free(&rule);
    if (reader->error)
        return;
    if (error == -QY_EINVAL) {
        /* The problem's pointer goes on where ours ends. */
        reader_refuse(reader, part, key, "%.250s", problem.message);
        size_t length = strlen(reader->problem->pointer);
        snprintf(reader->problem->pointer + length, sizeof(reader->problem->pointer) - length, "%s",
            problem.pointer);
    } else if (error) {
        reader_fail(reader);
    }
    if (reader->error)
        return;
    ret_rule->json = reader_json(reader, part, key, &ret_rule->size);
    ret_rule->pointer = arena_printf(reader->arena, "%s/%s", part->pointer, key);
    if (!ret_rule->pointer)
        reader_fail(reader);
    ret_rule->trigger = trigger;
    if (reader->error)
        return;
    crypto_generichash(ret_rule->key, sizeof(ret_rule->key), (const uint8_t *)ret_rule->json, ret_rule->size,
        (const uint8_t *)(trigger ? "event-trigger-watch" : "membership-watch"), 16);
}
