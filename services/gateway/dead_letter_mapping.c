/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/dead_letter_mapping.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_MAX 250
#define MILLISECONDS_LEAST                                                                                   \
    INT64_C(100000000000) /* smaller numbers are seconds: this is 1973, and the year 5138 */
#define DIGITS_MOST 15

enum action { ACTION_SET, ACTION_DEFAULT, ACTION_RENAME, ACTION_REMOVE, ACTION_CONVERT, ACTION_COUNT };

static const struct {
    const char *name;
    const char *operand; /* NULL: none */
} actions[ACTION_COUNT] = {
    [ACTION_SET] = {"set", "value"},
    [ACTION_DEFAULT] = {"default", "value"},
    [ACTION_RENAME] = {"rename", "to"},
    [ACTION_REMOVE] = {"remove", NULL},
    [ACTION_CONVERT] = {"convert", "as"},
};

enum form { FORM_TEXT, FORM_NUMBER, FORM_TIME, FORM_COUNT };
static const char *const forms[FORM_COUNT] = {"text", "number", "time"};

struct step {
    enum action action;
    yyjson_val *pointer;
    yyjson_val *operand;
};

/* -- what is wrong with it -- */

static bool read_step(yyjson_val *json, struct step *step)
{
    for (step->action = 0; step->action < ACTION_COUNT; step->action++) {
        step->pointer = yyjson_obj_get(json, actions[step->action].name);
        if (!step->pointer)
            continue;
        const char *operand = actions[step->action].operand;
        step->operand = operand ? yyjson_obj_get(json, operand) : NULL;
        return yyjson_obj_size(json) == (operand ? 2 : 1) && (!operand || step->operand);
    }
    return false;
}

/* The event as a whole is nobody's to replace. "~" begins an escape: "~0" or "~1". */
static bool is_pointer(yyjson_val *value)
{
    const char *text = yyjson_get_str(value);
    if (!text || yyjson_get_len(value) > POINTER_MAX || text[0] != '/' || text[1] == '\0')
        return false;
    for (const char *tilde = strchr(text, '~'); tilde; tilde = strchr(tilde + 1, '~'))
        if (tilde[1] != '0' && tilde[1] != '1')
            return false;
    return true;
}

static bool find_form(yyjson_val *value, enum form *ret_form)
{
    for (*ret_form = 0; *ret_form < FORM_COUNT; (*ret_form)++)
        if (yyjson_equals_str(value, forms[*ret_form]))
            return true;
    return false;
}

static bool fault(struct letter_mapping_fault *out, size_t index, const char *member, const char *message)
{
    snprintf(out->field, sizeof(out->field), "mapping/%zu%s%s", index, *member ? "/" : "", member);
    out->message = message;
    return false;
}

static bool check_step(yyjson_val *json, size_t index, struct letter_mapping_fault *out)
{
    struct step step;
    enum form form;
    if (!read_step(json, &step))
        return fault(out, index, "",
            "must be {\"set\":…,\"value\":…}, {\"default\":…,\"value\":…}, {\"rename\":…,\"to\":…}, "
            "{\"remove\":…} or {\"convert\":…,\"as\":…}");
    if (!is_pointer(step.pointer))
        return fault(
            out, index, actions[step.action].name, "must be a JSON pointer into the event: \"/userId\"");
    if (step.action == ACTION_RENAME && !is_pointer(step.operand))
        return fault(out, index, "to", "must be a JSON pointer into the event: \"/userId\"");
    if (step.action == ACTION_CONVERT && !find_form(step.operand, &form))
        return fault(out, index, "as", "must be \"text\", \"number\" or \"time\"");
    return true;
}

bool letter_mapping_check(yyjson_val *mapping, struct letter_mapping_fault *ret_fault)
{
    size_t index, count;
    yyjson_val *json;
    *ret_fault =
        (struct letter_mapping_fault){.field = "mapping", .message = "must be a list of at most 50 steps"};
    if (!mapping)
        return true;
    if (!yyjson_is_arr(mapping) || yyjson_arr_size(mapping) > MAPPING_STEPS_MAX)
        return false;
    yyjson_arr_foreach(mapping, index, count, json) if (!check_step(json, index, ret_fault)) return false;
    return true;
}

/* -- forms -- */

static const char *scalar(yyjson_mut_val *value, size_t *ret_size)
{
    const char *text = yyjson_mut_is_raw(value) ? yyjson_mut_get_raw(value) : yyjson_mut_get_str(value);
    *ret_size = text ? yyjson_mut_get_len(value) : 0;
    return text;
}

/* A JSON number, and no more. */
static bool is_number(const char *text, size_t size)
{
    bool bare = size > 0 && strchr("-0123456789", text[0]) && strchr("0123456789", text[size - 1]);
    char *copy = bare && size < 64 ? strndup(text, size) : NULL;
    yyjson_doc *doc = copy ? yyjson_read(copy, size, YYJSON_READ_NUMBER_AS_RAW) : NULL;
    bool number = yyjson_is_raw(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    free(copy);
    return number;
}

static bool read_epoch(const char *text, size_t size, int64_t *ret_ms)
{
    if (size == 0 || size > DIGITS_MOST || strspn(text, "0123456789") < size)
        return false;
    char digits[DIGITS_MOST + 1];
    memcpy(digits, text, size);
    digits[size] = '\0';
    int64_t number = strtoll(digits, NULL, 10);
    *ret_ms = number < MILLISECONDS_LEAST ? number * 1000 : number;
    return *ret_ms <= TIME_MOST_MS;
}

/* 2026-03-01 08:30:00, with a T or not, without a zone. */
static bool read_local(const char *text, size_t size, int64_t *ret_ms)
{
    char zoned[32];
    int64_t utc;
    if (size != 19)
        return false;
    snprintf(zoned, sizeof(zoned), "%.19sZ", text);
    if (!time_parse(zoned, 20, false, &utc))
        return false;
    int64_t year, days = utc / DAY_MS - (utc % DAY_MS < 0);
    int month, day;
    time_date(days, &year, &month, &day);
    int second = (int)((utc - days * DAY_MS) / 1000);
    *ret_ms = clock_local_ms((int)year, month, day, second / 3600, second / 60 % 60, second % 60);
    return true;
}

static yyjson_mut_val *convert(yyjson_mut_doc *doc, yyjson_mut_val *value, enum form form)
{
    size_t size;
    char time[TIME_TEXT_BYTES];
    int64_t ms;
    const char *text = scalar(value, &size);
    if (form == FORM_TEXT && yyjson_mut_is_bool(value))
        return yyjson_mut_str(doc, yyjson_mut_get_bool(value) ? "true" : "false");
    if (!text)
        return NULL;
    switch (form) {
    case FORM_TEXT:
        return yyjson_mut_strn(doc, text, size);
    case FORM_NUMBER:
        return is_number(text, size) ? yyjson_mut_rawn(doc, text, size) : NULL;
    default:
        if (!read_epoch(text, size, &ms) && !read_local(text, size, &ms) &&
            !time_parse(text, size, true, &ms))
            return NULL;
        return yyjson_mut_strcpy(doc, time_format(ms, time));
    }
}

/* -- steps -- */

static yyjson_mut_val *look(yyjson_mut_doc *event, yyjson_val *pointer)
{
    return yyjson_mut_ptr_getn(
        yyjson_mut_doc_get_root(event), yyjson_get_str(pointer), yyjson_get_len(pointer));
}

/* What the target needs on its way is made; where that is something else than an object, nothing happens: false. */
static bool put(yyjson_mut_doc *event, yyjson_val *pointer, yyjson_mut_val *value)
{
    return yyjson_mut_ptr_setn(
        yyjson_mut_doc_get_root(event), yyjson_get_str(pointer), yyjson_get_len(pointer), value, event);
}

static void drop(yyjson_mut_doc *event, yyjson_val *pointer)
{
    (void)yyjson_mut_ptr_removen(
        yyjson_mut_doc_get_root(event), yyjson_get_str(pointer), yyjson_get_len(pointer));
}

static bool says_nothing(yyjson_mut_val *value)
{
    return !value || yyjson_mut_is_null(value) ||
           (yyjson_mut_is_str(value) && yyjson_mut_get_len(value) == 0);
}

static bool take_step(const struct step *step, yyjson_mut_doc *event)
{
    yyjson_mut_val *there = look(event, step->pointer), *value = NULL;
    enum form form;
    switch (step->action) {
    case ACTION_SET:
    case ACTION_DEFAULT:
        if (step->action == ACTION_DEFAULT && !says_nothing(there))
            return true;
        value = yyjson_val_mut_copy(event, step->operand);
        if (value)
            (void)put(event, step->pointer, value);
        return value != NULL;
    case ACTION_RENAME:
        value = there ? yyjson_mut_val_mut_copy(event, there) : NULL;
        if (!value)
            return !there;
        drop(event, step->pointer);
        if (!put(event, step->operand, value))
            (void)put(event, step->pointer, value);
        return true;
    case ACTION_REMOVE:
        if (there)
            drop(event, step->pointer);
        return true;
    default:
        value = there && find_form(step->operand, &form) ? convert(event, there, form) : NULL;
        if (value)
            (void)put(event, step->pointer, value);
        return true;
    }
}

bool letter_mapping_apply(yyjson_val *mapping, yyjson_mut_doc *event)
{
    size_t index, count;
    yyjson_val *json;
    if (!mapping || !yyjson_mut_is_obj(yyjson_mut_doc_get_root(event)))
        return true;
    yyjson_arr_foreach(mapping, index, count, json)
    {
        struct step step;
        if (read_step(json, &step) && !take_step(&step, event))
            return false;
    }
    return true;
}
