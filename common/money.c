/* SPDX-License-Identifier: Apache-2.0 */
#include "common/money.h"

#include "common/ascii.h"
#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define PLAIN_MAX 64
#define DEPTH_MAX 64

/* The ends of names, in lower case without separators. */
static const char *const endings[] = {"total", "totals", "revenue", "price", "prices", "amount", "amounts",
    "value", "discount", "discounts", "taxes", "shipping", "balance", "cost", "costs", "fee", "fees", "paid",
    "payment", "payments", "spent", "spend", "spending", "gmv", "refund", "refunded", "money", "cash",
    "deposit", "gross", "average", "averageorder", "sales", "profit", "margin", "subsidy", "金额", "价格",
    "单价", "总价", "实付", "应付", "运费", "优惠", "余额", "消费"};
/* Words that others end in too. */
static const char *const names[] = {"tax", "sum", "net"};
/* What others write in front of the unit, or the unit behind: total_cny, price_usd, amount_cents. */
static const char *const units[] = {"cny", "rmb", "usd", "eur", "hkd", "cents", "fen", "yuan", "minor"};

static size_t simplify(const char *key, size_t size, char plain[PLAIN_MAX + 1])
{
    size_t count = 0;
    if (size > PLAIN_MAX) { /* the end tells more than the beginning */
        key += size - PLAIN_MAX;
        size = PLAIN_MAX;
    }
    for (size_t i = 0; i < size; i++)
        if (!memchr("_-. $", key[i], 5))
            plain[count++] = ascii_lower(key[i]);
    plain[count] = '\0';
    return count;
}

static bool ends_in(const char *plain, size_t count, const char *ending)
{
    size_t size = strlen(ending);
    return count >= size && memcmp(plain + count - size, ending, size) == 0;
}

static size_t without_unit(const char *plain, size_t count)
{
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (count > strlen(units[i]) && ends_in(plain, count, units[i]))
            return count - strlen(units[i]);
    return count;
}

bool money_key(const char *key, size_t size)
{
    char plain[PLAIN_MAX + 1];
    size_t count = without_unit(plain, simplify(key, size, plain));
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        if (ends_in(plain, count, endings[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == count && memcmp(plain, names[i], count) == 0)
            return true;
    return false;
}

static void strip(yyjson_val *value, unsigned depth, struct buffer *out);

static void strip_object(yyjson_val *object, unsigned depth, struct buffer *out)
{
    bool first = true;
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    buffer_byte(out, '{');
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        if (money_key(yyjson_get_str(key), yyjson_get_len(key)))
            continue;
        if (!first)
            buffer_byte(out, ',');
        first = false;
        buffer_json_string(out, yyjson_get_str(key), yyjson_get_len(key));
        buffer_byte(out, ':');
        strip(yyjson_obj_iter_get_val(key), depth + 1, out);
    }
    buffer_byte(out, '}');
}

static void strip_list(yyjson_val *list, unsigned depth, struct buffer *out)
{
    bool first = true;
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    buffer_byte(out, '[');
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&items)); first = false) {
        if (!first)
            buffer_byte(out, ',');
        strip(item, depth + 1, out);
    }
    buffer_byte(out, ']');
}

static void write_leaf(yyjson_val *value, struct buffer *out)
{
    if (yyjson_is_str(value)) {
        buffer_json_string(out, yyjson_get_str(value), yyjson_get_len(value));
        return;
    }
    size_t size;
    char *text = yyjson_val_write(value, YYJSON_WRITE_ALLOW_INF_AND_NAN, &size);
    if (text)
        buffer_append(out, text, size);
    else
        buffer_text(out, "null");
    free(text);
}

static void strip(yyjson_val *value, unsigned depth, struct buffer *out)
{
    if (depth > DEPTH_MAX)
        buffer_text(out, "null");
    else if (yyjson_is_obj(value))
        strip_object(value, depth, out);
    else if (yyjson_is_arr(value))
        strip_list(value, depth, out);
    else
        write_leaf(value, out);
}

void money_strip(yyjson_val *value, struct buffer *out)
{
    strip(value, 0, out);
}

int money_strip_text(struct bytes json, struct buffer *out)
{
    yyjson_doc *doc = yyjson_read((const char *)json.data, json.size, YYJSON_READ_NUMBER_AS_RAW);
    if (!doc)
        return -QY_ECORRUPT;
    money_strip(yyjson_doc_get_root(doc), out);
    yyjson_doc_free(doc);
    return buffer_error(out);
}
