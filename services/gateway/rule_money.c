/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/rule_money.h"

#include "common/money.h"
#include "services/gateway/disclosure.h"

#include <string.h>

#define DEPTH_MAX 64 /* rules are bounded far below */

/* The last part of a path names the value. */
static bool names_money(yyjson_val *name)
{
    const char *text = yyjson_get_str(name), *dot = text ? strrchr(text, '.') : NULL;
    const char *last = dot ? dot + 1 : text;
    return last && money_key(last, strlen(last));
}

static bool is_money_metric(yyjson_val *metric)
{
    static const char *const metrics[] = {"gross", "revenue", "average_order", "monetary_score"};
    for (size_t i = 0; yyjson_is_str(metric) && i < COUNT_OF(metrics); i++)
        if (strcmp(yyjson_get_str(metric), metrics[i]) == 0)
            return true;
    return false;
}

static bool asks(yyjson_val *value, unsigned depth)
{
    if (depth > DEPTH_MAX || is_money_metric(yyjson_obj_get(value, "metric")) ||
        names_money(yyjson_obj_get(value, "trait")) || names_money(yyjson_obj_get(value, "property")))
        return true;
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));)
        if (asks(yyjson_obj_iter_get_val(key), depth + 1))
            return true;
    yyjson_arr_iter items = yyjson_arr_iter_with(value);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items));)
        if (asks(item, depth + 1))
            return true;
    return false;
}

bool rule_asks_for_money(yyjson_val *rule)
{
    return asks(rule, 0);
}

static int check(struct api_call *call, yyjson_val *rule, const char *field)
{
    if (disclosure_of(call->permissions).amounts || !rule_asks_for_money(rule))
        return 0;
    return api_refuse(call, -QY_EINVAL, field, "asks for money, which you may not see");
}

int rule_money_check(struct api_call *call, const char *member)
{
    return check(call, yyjson_obj_get(call->body, member), member);
}

int rule_money_check_text(struct api_call *call, struct bytes rule, const char *field)
{
    yyjson_doc *doc = yyjson_read((const char *)rule.data, rule.size, YYJSON_READ_NUMBER_AS_RAW);
    int error = doc ? check(call, yyjson_doc_get_root(doc), field) : 0;
    yyjson_doc_free(doc);
    return error;
}
