/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/stated_name.h"

#include "common/ascii.h"
#include "common/glyph.h"
#include "common/mem.h"

#include <string.h>

static const struct {
    const char *key;
    enum name_part part;
} keys[] = {
    {"name", NAME_WHOLE},
    {"fullname", NAME_WHOLE},
    {"realname", NAME_WHOLE},
    {"姓名", NAME_WHOLE},
    {"firstname", NAME_GIVEN},
    {"givenname", NAME_GIVEN},
    {"lastname", NAME_SURNAME},
    {"familyname", NAME_SURNAME},
    {"surname", NAME_SURNAME},
};

/* What forms and platforms put where nobody said a name. */
static const char *const nobodys[] = {"微信用户", "匿名", "匿名用户", "用户", "新用户", "游客", "访客",
    "顾客", "客户", "会员", "先生", "女士", "小姐", "未知", "无", "无名", "测试", "anonymous", "guest",
    "unknown", "user", "customer", "member", "test", "null", "none", "undefined", "n/a", "na"};

size_t trait_key(const char *key, size_t size, char ret_key[TRAIT_KEY_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (key[i] == '_' || key[i] == '-' || key[i] == '.' || key[i] == ' ')
            continue;
        if (used == TRAIT_KEY_BYTES)
            return 0;
        ret_key[used++] = ascii_lower(key[i]);
    }
    return used;
}

enum name_part name_part_of(const char *key, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (strlen(keys[i].key) == size && memcmp(keys[i].key, key, size) == 0)
            return keys[i].part;
    return NAME_OTHER;
}

void name_join(const struct text *given, const struct text *surname, struct text *ret_name)
{
    bool han = text_is_han(surname);
    *ret_name = han ? *surname : *given;
    text_join(ret_name, han ? given : surname);
}

const char *trait_text(yyjson_val *value, size_t *ret_size)
{
    const char *text = yyjson_is_raw(value) ? yyjson_get_raw(value) : yyjson_get_str(value);
    *ret_size = text ? yyjson_get_len(value) : 0;
    return text ? text : "";
}

/* Most members' names begin otherwise. */
static bool may_be_name(const char *key, size_t size)
{
    return size >= 4 && (strchr("nNfFrRgGlLsS", key[0]) || (unsigned char)key[0] == 0xe5);
}

bool stated_name_find(yyjson_val *traits, struct stated_name *ret_name)
{
    *ret_name = (struct stated_name){0};
    bool found = false;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(traits);
    for (yyjson_val *key; traits && (key = yyjson_obj_iter_next(&iterator));) {
        char plain[TRAIT_KEY_BYTES];
        if (!may_be_name(yyjson_get_str(key), yyjson_get_len(key)))
            continue;
        size_t size = trait_key(yyjson_get_str(key), yyjson_get_len(key), plain);
        enum name_part part = name_part_of(plain, size);
        if (part == NAME_OTHER)
            continue;
        ret_name->parts[part] = yyjson_obj_iter_get_val(key);
        found = true;
    }
    return found;
}

/* Numbers are not parts of names, but of what is put in their place. */
static bool has_digit(const char *text, size_t size)
{
    char digit;
    for (size_t at = 0, bytes; at < size; at += bytes)
        if (glyph_at(text + at, size - at, &bytes, &digit) == GLYPH_DIGIT)
            return true;
    return false;
}

static bool equals(const char *word, const char *text, size_t size)
{
    if (strlen(word) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (word[i] != ascii_lower(text[i]))
            return false;
    return true;
}

static bool is_nobodys(const char *text, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(nobodys); i++)
        if (equals(nobodys[i], text, size))
            return true;
    return false;
}

static void read_part(yyjson_val *value, struct text *ret_text)
{
    size_t size;
    const char *text = trait_text(value, &size);
    ret_text->size = 0;
    if (size > 0 && !is_nobodys(text, size) && !has_digit(text, size))
        text_read(text, size, ret_text);
}

void stated_name_read(const struct stated_name *name, struct text *ret_text)
{
    struct text whole, given, surname;
    read_part(name->parts[NAME_WHOLE], &whole);
    if (whole.size == 0) {
        read_part(name->parts[NAME_GIVEN], &given);
        read_part(name->parts[NAME_SURNAME], &surname);
        name_join(&given, &surname, &whole);
    }
    text_sort_words(&whole, ret_text);
}
