/* SPDX-License-Identifier: Apache-2.0 */
#include "common/key_class.h"

#include "common/ascii.h"
#include "common/mem.h"

#include <string.h>
#include <strings.h>

#define PLAIN_MAX 64

struct word {
    const char *text;
    enum key_class class;
};

/* Whole names, in lower case without separators. The first match holds, and these before the endings below.
 */
static const struct word words[] = {
    {"name", KEY_BARE_NAME},
    {"names", KEY_NAME},
    {"buyer", KEY_NAME},
    {"recipient", KEY_NAME},
    {"receiver", KEY_NAME},
    {"consignee", KEY_NAME},
    {"contact", KEY_NAME},
    {"contacts", KEY_PRIVATE},
    {"username", KEY_NAME},
    {"nickname", KEY_NAME},
    {"nick", KEY_NAME},
    {"surname", KEY_NAME},
    {"title", KEY_PLAIN},
    {"mobile", KEY_PHONE},
    {"tel", KEY_PHONE},
    {"telephone", KEY_PHONE},
    {"cellphone", KEY_PHONE},
    {"cell", KEY_PHONE},
    {"fax", KEY_PHONE},
    {"phones", KEY_PHONE},
    {"msisdn", KEY_PHONE},
    {"mail", KEY_EMAIL},
    {"emails", KEY_EMAIL},
    {"address", KEY_PERSONAL},
    {"addresses", KEY_PERSONAL},
    {"addr", KEY_PERSONAL},
    {"street", KEY_PERSONAL},
    {"ip", KEY_PERSONAL},
    {"ipaddress", KEY_PERSONAL},
    {"ipv4", KEY_PERSONAL},
    {"ipv6", KEY_PERSONAL},
    {"idcard", KEY_PERSONAL},
    {"idnumber", KEY_PERSONAL},
    {"idno", KEY_PERSONAL},
    {"nationalid", KEY_PERSONAL},
    {"citizenid", KEY_PERSONAL},
    {"ssn", KEY_PERSONAL},
    {"passport", KEY_PERSONAL},
    {"passportno", KEY_PERSONAL},
    {"passportnumber", KEY_PERSONAL},
    {"driverlicense", KEY_PERSONAL},
    {"licenseplate", KEY_PERSONAL},
    {"platenumber", KEY_PERSONAL},
    {"plateno", KEY_PERSONAL},
    {"birthday", KEY_PERSONAL},
    {"birthdate", KEY_PERSONAL},
    {"dateofbirth", KEY_PERSONAL},
    {"dob", KEY_PERSONAL},
    {"bankcard", KEY_PERSONAL},
    {"bankaccount", KEY_PERSONAL},
    {"cardnumber", KEY_PERSONAL},
    {"creditcard", KEY_PERSONAL},
    {"iban", KEY_PERSONAL},
    {"alipay", KEY_PERSONAL},
    {"qq", KEY_PERSONAL},
    {"wechat", KEY_PERSONAL},
    {"wechatid", KEY_PERSONAL},
    {"wxid", KEY_PERSONAL},
    {"weixin", KEY_PERSONAL},
    {"unionid", KEY_PERSONAL},
    {"openid", KEY_PERSONAL},
    {"externaluserid", KEY_PERSONAL},
    {"password", KEY_PRIVATE},
    {"passwd", KEY_PRIVATE},
    {"zip", KEY_PRIVATE},
    {"latitude", KEY_PRIVATE},
    {"longitude", KEY_PRIVATE},
    {"lat", KEY_PRIVATE},
    {"lng", KEY_PRIVATE},
    {"lon", KEY_PRIVATE},
    {"geo", KEY_PRIVATE},
    {"coordinates", KEY_PRIVATE},
    {"avatar", KEY_PRIVATE},
    {"avatarurl", KEY_PRIVATE},
    {"headimgurl", KEY_PRIVATE},
    {"photo", KEY_PRIVATE},
    {"portrait", KEY_PRIVATE},
    {"website", KEY_PRIVATE},
    {"note", KEY_PRIVATE},
    {"notes", KEY_PRIVATE},
    {"remark", KEY_PRIVATE},
    {"remarks", KEY_PRIVATE},
    {"memo", KEY_PRIVATE},
    {"comment", KEY_PRIVATE},
    {"comments", KEY_PRIVATE},
    {"message", KEY_PRIVATE},
    {"feedback", KEY_PRIVATE},
    {"signature", KEY_PRIVATE},
    {"useragent", KEY_PRIVATE},
    {"sku", KEY_PRODUCT},
    {"spu", KEY_PRODUCT},
    {"ean", KEY_PRODUCT},
    {"upc", KEY_PRODUCT},
    {"gtin", KEY_PRODUCT},
    {"barcode", KEY_PRODUCT},
    {"stockcode", KEY_PRODUCT},
    {"productid", KEY_PRODUCT},
    {"variant", KEY_PRODUCT},
    {"total", KEY_AMOUNT},
    {"subtotal", KEY_AMOUNT},
    {"revenue", KEY_AMOUNT},
    {"price", KEY_AMOUNT},
    {"amount", KEY_AMOUNT},
    {"value", KEY_AMOUNT},
    {"quantity", KEY_AMOUNT},
    {"discount", KEY_AMOUNT},
    {"tax", KEY_AMOUNT},
    {"shipping", KEY_AMOUNT},
    {"points", KEY_AMOUNT},
    {"balance", KEY_AMOUNT},
    {"age", KEY_AMOUNT},
    {"position", KEY_AMOUNT},
    {"url", KEY_URL},
    {"path", KEY_URL},
    {"referrer", KEY_URL},
    {"referer", KEY_URL},
    {"search", KEY_URL},
    {"href", KEY_URL},
    {"link", KEY_URL},
    {"姓名", KEY_NAME},
    {"名字", KEY_NAME},
    {"昵称", KEY_NAME},
    {"收件人", KEY_NAME},
    {"收货人", KEY_NAME},
    {"联系人", KEY_NAME},
    {"手机", KEY_PHONE},
    {"手机号", KEY_PHONE},
    {"手机号码", KEY_PHONE},
    {"电话", KEY_PHONE},
    {"联系电话", KEY_PHONE},
    {"邮箱", KEY_EMAIL},
    {"地址", KEY_PERSONAL},
    {"收货地址", KEY_PERSONAL},
    {"住址", KEY_PERSONAL},
    {"身份证", KEY_PERSONAL},
    {"身份证号", KEY_PERSONAL},
    {"身份证号码", KEY_PERSONAL},
    {"车牌", KEY_PERSONAL},
    {"车牌号", KEY_PERSONAL},
    {"车牌号码", KEY_PERSONAL},
    {"生日", KEY_PERSONAL},
    {"微信", KEY_PERSONAL},
    {"微信号", KEY_PERSONAL},
    {"备注", KEY_PRIVATE},
    {"留言", KEY_PRIVATE},
};

/* How names end that are put together: "receiver_phone", "shippingAddress". Longer ones before their own
 * endings. */
static const struct word endings[] = {
    {"firstname", KEY_NAME},
    {"lastname", KEY_NAME},
    {"middlename", KEY_NAME},
    {"familyname", KEY_NAME},
    {"givenname", KEY_NAME},
    {"fullname", KEY_NAME},
    {"realname", KEY_NAME},
    {"nickname", KEY_NAME},
    {"contactname", KEY_NAME},
    {"customername", KEY_NAME},
    {"membername", KEY_NAME},
    {"buyername", KEY_NAME},
    {"receivername", KEY_NAME},
    {"recipientname", KEY_NAME},
    {"consigneename", KEY_NAME},
    {"personname", KEY_NAME},
    {"cardholder", KEY_NAME},
    {"phone", KEY_PHONE},
    {"mobile", KEY_PHONE},
    {"telephone", KEY_PHONE},
    {"phoneno", KEY_PHONE},
    {"phonenumber", KEY_PHONE},
    {"mobileno", KEY_PHONE},
    {"mobilenumber", KEY_PHONE},
    {"telno", KEY_PHONE},
    {"emailaddress", KEY_EMAIL},
    {"email", KEY_EMAIL},
    {"address", KEY_PERSONAL},
    {"address1", KEY_PERSONAL},
    {"address2", KEY_PERSONAL},
    {"addressline", KEY_PERSONAL},
    {"addressline1", KEY_PERSONAL},
    {"addressline2", KEY_PERSONAL},
    {"street", KEY_PERSONAL},
    {"street1", KEY_PERSONAL},
    {"street2", KEY_PERSONAL},
    {"birthday", KEY_PERSONAL},
    {"birthdate", KEY_PERSONAL},
    {"unionid", KEY_PERSONAL},
    {"openid", KEY_PERSONAL},
    {"postalcode", KEY_PRIVATE},
    {"postcode", KEY_PRIVATE},
    {"zipcode", KEY_PRIVATE},
    {"productid", KEY_PRODUCT},
    {"url", KEY_URL},
    {"referrer", KEY_URL},
    {"price", KEY_AMOUNT},
    {"amount", KEY_AMOUNT},
    {"quantity", KEY_AMOUNT},
    {"id", KEY_ID},
    {"ids", KEY_ID},
    {"no", KEY_ID},
    {"number", KEY_ID},
    {"code", KEY_ID},
    {"ref", KEY_ID},
    {"reference", KEY_ID},
    {"token", KEY_ID},
    {"serial", KEY_ID},
};

/* A contact in disguise: "email_md5", "hashedPhone". */
static bool is_hashed_contact(const char *plain)
{
    bool contact = strstr(plain, "email") || strstr(plain, "phone") || strstr(plain, "mobile");
    return contact && (strstr(plain, "hash") || strstr(plain, "md5") || strstr(plain, "sha"));
}

static size_t simplify(const char *key, size_t size, char plain[PLAIN_MAX + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < size && count < PLAIN_MAX; i++) {
        char c = key[i];
        if (c == '_' || c == '-' || c == '.' || c == ' ' || c == '$' || c == '\0')
            continue;
        plain[count++] = ascii_lower(c);
    }
    plain[count] = '\0';
    return count;
}

static enum key_class classify(const char *plain, size_t count)
{
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(plain, words[i].text) == 0)
            return words[i].class;
    if (is_hashed_contact(plain))
        return KEY_PRIVATE;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t length = strlen(endings[i].text);
        if (count >= length && memcmp(plain + count - length, endings[i].text, length) == 0)
            return endings[i].class;
    }
    return KEY_PLAIN;
}

/* The end of a long name tells more than its beginning. */
static size_t simplify_end(const char *key, size_t size, char plain[PLAIN_MAX + 1])
{
    size_t left_out = size > PLAIN_MAX ? size - PLAIN_MAX : 0;
    return simplify(key + left_out, size - left_out, plain);
}

enum key_class key_classify(const char *key, size_t size)
{
    char plain[PLAIN_MAX + 1];
    size_t count = simplify_end(key, size, plain);
    return classify(plain, count);
}

bool key_is_amounts(const char *key, size_t size)
{
    char plain[PLAIN_MAX + 1];
    size_t count = simplify_end(key, size, plain);
    if (count < 2 || plain[count - 1] != 's')
        return false;
    plain[--count] = '\0';
    if (count > 2 && memcmp(plain + count - 2, "ie", 2) == 0) { /* quantities */
        plain[--count] = '\0';
        plain[count - 1] = 'y';
    }
    return classify(plain, count) == KEY_AMOUNT;
}

bool key_is_birthday(const char *key, size_t size)
{
    static const char *const names[] = {
        "birthday", "birth_day", "birthdate", "birth_date", "date_of_birth", "dateOfBirth", "dob", "生日"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == size && strncasecmp(names[i], key, size) == 0)
            return true;
    return false;
}

/* Of what "phone" and the like may stand before. */
static const char *const parts[] = {"area", "areacode", "countrycode", "prefix", "suffix", "head", "middle",
    "tail", "first", "second", "third", "last", "rest", "number", "local", "localnumber", "exchange", "line",
    "subscriber", "subscribernumber", "lastfour", "last4", "part1", "part2", "part3", "segment1", "segment2",
    "segment3", "国家码", "区号", "号段", "号码", "前缀", "后缀", "前三位", "中间四位", "后四位", "后八位",
    "尾号"};
static const char *const divided[] = {"phone", "mobile", "tel", "telephone", "idcard"};

bool key_is_part(const char *key, size_t size)
{
    char plain[PLAIN_MAX + 1];
    if (size > PLAIN_MAX)
        return false;
    size_t count = simplify(key, size, plain);
    const char *part = plain;
    for (size_t i = 0; part == plain && i < COUNT_OF(divided); i++) {
        size_t length = strlen(divided[i]);
        if (count > length && memcmp(plain, divided[i], length) == 0)
            part += length;
    }
    if (part > plain && part[0] >= '1' && part[0] <= '4' && part[1] == '\0')
        return true; /* phone1, phone2, phone3 */
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strcmp(part, parts[i]) == 0)
            return true;
    return false;
}

bool key_is_thing(const char *key, size_t size)
{
    static const char *const things[] = {"products", "product", "items", "item", "store", "shop", "category",
        "brand", "campaign", "coupon", "page", "app", "touchpoint", "company", "group", "library", "device",
        "os"};
    for (size_t i = 0; i < COUNT_OF(things); i++)
        if (strlen(things[i]) == size && memcmp(things[i], key, size) == 0)
            return true;
    return false;
}
