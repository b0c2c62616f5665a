/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_check.h"
#include "services/identity/pseudonym.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kinds kinds;
static struct event_reader *reader;
static struct key_cache *keys;
static struct vault *vault;
static struct pseudonymiser *pseudonymiser;
static struct identifiers identifiers;
static struct buffer name, properties, traits, context;
static struct personal_trait kept[PERSONAL_TRAITS_MAX];
static unsigned kept_count;

static int set_up(void **state)
{
    (void)state;
    static const uint8_t master[VAULT_MASTER_BYTES] = {1};
    return kinds_set(&kinds, KINDS_STANDARD, "CN") || event_reader_open(&reader) ||
           vault_open(master, &vault) || key_cache_open(&kinds, &keys) ||
           pseudonymiser_open(vault, keys, &pseudonymiser);
}

static int tear_down(void **state)
{
    (void)state;
    event_reader_close(&reader);
    key_cache_close(&keys);
    pseudonymiser_close(&pseudonymiser);
    vault_close(&vault);
    buffer_free(&name);
    buffer_free(&properties);
    buffer_free(&traits);
    buffer_free(&context);
    return 0;
}

static void begin(Quanyu__EventType type, const char *json)
{
    struct event event;
    assert_int_equal(
        event_read(reader, type, (struct bytes){(const uint8_t *)json, strlen(json)}, &event), 0);
    identifiers_extract(&kinds, keys, &event, &identifiers);
    static struct event kept_event;
    kept_event = event;
    pseudonym_begin(pseudonymiser, &kept_event, &identifiers);
}

static void finish(void)
{
    buffer_clear(&name);
    buffer_clear(&properties);
    buffer_clear(&traits);
    buffer_clear(&context);
    pseudonym_name(pseudonymiser, &name);
    pseudonym_properties(pseudonymiser, &properties);
    pseudonym_traits(pseudonymiser, &traits, kept, &kept_count);
    pseudonym_context(pseudonymiser, &context);
}

static void track(const char *json)
{
    begin(QUANYU__EVENT_TYPE__EVENT_TRACK, json);
    finish();
}

#define CHECK(buffer, expected) assert_string_equal(buffer_c_str(&(buffer)), expected)

static void what_is_not_personal_passes_as_it_is(void **state)
{
    (void)state;
    track("{\"userId\":\"u-1234\",\"event\":\"Order "
          "Completed\",\"properties\":{\"order_id\":\"O-20250301-17\",\"total\":99.90,"
          "\"currency\":\"CNY\",\"paid\":true,\"coupon\":null,\"products\":[{\"product_id\":\"p1\",\"name\":"
          "\"口红 Lipstick\","
          "\"price\":1e2,\"quantity\":2,\"sku\":\"012345678905\"},{\"ean\":\"6901234567892\"}],\"at\":\"2025-"
          "03-01T12:30:00Z\","
          "\"ms\":1741234567890,\"city\":\"上海\",\"escaped\":\"a\\\"b\\u0001\"}}");
    CHECK(name, "Order Completed");
    CHECK(properties, "{\"order_id\":\"O-20250301-17\",\"total\":99.90,\"currency\":\"CNY\",\"paid\":true,"
                      "\"coupon\":null,\"products\":[{"
                      "\"product_id\":\"p1\",\"name\":\"口红 "
                      "Lipstick\",\"price\":1e2,\"quantity\":2,\"sku\":\"012345678905\"},{\"ean\":"
                      "\"6901234567892\"}],\"at\":\"2025-03-01T12:30:00Z\",\"ms\":1741234567890,\"city\":"
                      "\"上海\",\"escaped\":\"a\\\"b\\u0001\"}");
    CHECK(traits, "");
    CHECK(context, "");
}

static void personal_members_are_dropped_by_their_names(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"name\":\"王\",\"firstName\":\"a\",\"first_"
          "name\":\"a\",\"Phone\":1,"
          "\"receiver_mobile\":\"x\",\"shippingAddress\":{\"city\":\"x\"},\"postal_code\":\"200000\","
          "\"recipient\":[\"x\"],\"id_card\":"
          "\"x\",\"birthday\":\"x\",\"ip\":\"x\",\"customer_name\":\"x\",\"email_md5\":\"x\",\"notes\":\"x\","
          "\"手机号\":\"x\","
          "\"is_mobile\":true,\"keep\":1}}");
    CHECK(properties, "{\"is_mobile\":true,\"keep\":1}");
}

static void values_that_look_personal_are_dropped_wherever_they_are(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"event\":\"called 138-0013-8000\",\"properties\":{\"a\":\"Call me at "
          "13800138000\",\"b\":13800138000,"
          "\"c\":\"+86 138 0013 "
          "8000\",\"d\":[\"li@example.com\",\"ok\",[\"x\",\"13800138000\"]],\"e\":{\"f\":\"li@example.com\","
          "\"g\":2},"
          "\"13800138000\":1,\"li@example.com\":2,\"total\":13800138000,\"tel_bare\":\"02164376688\",\"h\":"
          "\"MTM4MDAxMzgwMDA=\","
          "\"i\":\"3133383030313338303030\",\"j\":\"li%40example.com\",\"k\":\"bGlAZXhhbXBsZS5jb20\","
          "\"keep\":1}}");
    CHECK(name, "[personal]");
    CHECK(properties, "{\"d\":[\"ok\",[\"x\"]],\"e\":{\"g\":2},\"keep\":1}");
}

static void chinese_numbers_are_dropped_in_all_their_forms(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"event\":\"致电一三八零零一三八零零零\",\"properties\":{\"a\":"
          "\"一三八〇〇一三八〇〇〇\","
          "\"b\":\"11010519491231002X\",\"c\":110101199003070011,\"d\":\"接京A·12345\",\"e\":[\"138\","
          "\"0013\",\"8000\"],"
          "\"f\":{\"area\":\"138\",\"rest\":\"00138000\",\"ok\":1},\"g\":"
          "\"5LiA5LiJ5YWr6Zu26Zu25LiA5LiJ5YWr6Zu26Zu26Zu2\","
          "\"h\":[[\"138\",\"00138000\"]],\"沪AD12345\":1,\"keep\":1}}");
    CHECK(name, "[personal]");
    CHECK(properties, "{\"f\":{\"ok\":1},\"h\":[],\"keep\":1}");
    track("{\"userId\":\"u\",\"event\":\"x\",\"context\":{\"traits\":{\"area\":\"021\",\"number\":"
          "\"64376688\",\"last\":"
          "\"x\"}},\"properties\":{\"order_id\":\"110101199003070011\"}}");
    assert_non_null(strstr(buffer_c_str(&properties), "{\"order_id\":\"h_"));
    CHECK(traits, "{\"area\":null,\"number\":null,\"last\":\"x\"}");
    assert_int_equal(kept_count, 2);
}

static void what_only_resembles_them_passes(void **state)
{
    (void)state;
    static const char *const passed[] = {
        "{\"prices\":[\"159\",\"1999\",\"2999\"],\"ids\":[\"138\",\"00138000\"]}",
        "{\"list\":[159,1999,2999,138,1300,8000]}",
        "{\"shop\":\"138\",\"till\":\"0013\",\"receipt\":\"8000\"}",
        "{\"title\":\"统一9876543210\",\"model\":\"全新A12345\",\"sku\":\"黑B20250\"}",
        "{\"order_id\":\"202511301234567890\"}",
        "{\"title\":\"一二三四五六七八九十\",\"words\":\"共一百三十八万零一百三十八元\"}"};
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
        char event[512];
        snprintf(event, sizeof(event), "{\"userId\":\"u\",\"event\":\"x\",\"properties\":%s}", passed[i]);
        track(event);
        CHECK(properties, passed[i]);
    }
}

static void numbers_are_looked_at_however_they_are_written(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"context\":{\"traits\":{\"phone\":\"+44 7911 "
          "123456\"}},\"event\":\"x\",\"properties\":{"
          "\"a\":13800138000.0,\"b\":-13800138000,\"c\":1.3800138e10,\"d\":1380013800000E-2,\"e\":-"
          "7911123456.00,"
          "\"f\":[0.13800138001e11,1.5],\"total\":13800138000.0,\"g\":13800138000.5,\"h\":1380013.8,"
          "\"price\":-99.90,"
          "\"i\":1e400,\"j\":-0.0,\"k\":1e-7}}");
    CHECK(properties, "{\"f\":[1.5],\"g\":13800138000.5,\"h\":1380013.8,\"price\":-99.90,\"i\":1e400,\"j\":-"
                      "0.0,\"k\":1e-7}");
}

static void encoded_values_are_found_within_texts(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"event\":\"Seen by "
          "bGlAZXhhbXBsZS5jb20=!\",\"properties\":{\"path\":\"/u/MTM4MDAxMzgwMDA/cart\","
          "\"a\":\"x=3133383030313338303030&y\",\"b\":\"for bGlAZXhhbXBsZS5jb20\",\"c\":\"Order-Completed "
          "/assets/Main2025.js\","
          "\"d\":\"(bGl_ZUBleGFtcGxlLmNvbQ)\"}}");
    CHECK(name, "[personal]");
    CHECK(properties, "{\"c\":\"Order-Completed /assets/Main2025.js\"}");
}

static void values_of_the_events_identifiers_are_dropped(void **state)
{
    (void)state;
    track("{\"userId\":\"User-4711\",\"anonymousId\":\"aaaa-bbbb\",\"context\":{\"traits\":{\"phone\":\"+44 "
          "7911 123456\",\"email\":"
          "\"Li@example.com\"},\"externalIds\":[{\"type\":\"openid\",\"id\":\"oXyz_1\",\"app_id\":\"wx1\"}]},"
          "\"event\":\"USER-4711\","
          "\"properties\":{\"a\":\"user-4711\",\"b\":\"7911123456\",\"c\":7911123456,\"d\":\"x 7911-123456 "
          "y\",\"e\":\"oXyz_1\",\"f\":"
          "\"wx1:oXyz_1\",\"g\":\"from "
          "LI@EXAMPLE.COM\",\"h\":\"aaaa-bbbb\",\"i\":\"aaaa\",\"total\":\"4711\"}}");
    CHECK(name, "[personal]");
    CHECK(properties, "{\"i\":\"aaaa\",\"total\":\"4711\"}");
}

static void plain_hashes_of_the_events_identifiers_are_dropped(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        "709559e9597fadc042d59c664fe27e7e",                                 /* MD5 of +8613800138000 */
        "d08d34f991404450e729a04a72d2b48d299dc69d",                         /* SHA-1 of 8613800138000 */
        "A6942F9771D67F34034D2F1926988ED3FAD3BF1B4E7CEDB9A31F31398DEA43BC", /* SHA-256 of 13800138000 */
        "eUW9gyNzNeU3b/RNYuTwrg==",                                         /* MD5 of 13800138000 */
        "b9b55f36c238a61026abc7e4c6be9758363c10c54a4e4462f83f33458230eafe", /* SHA-256 of li@example.com */
        "ubVfNsI4phAmq8fkxr6XWDY8EMVKTkRi-D8zRYIw6v4", /* the same in the alphabet of URLs */
    };
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        char json[1000];
        snprintf(json, sizeof(json),
            "{\"userId\":\"u\",\"context\":{\"traits\":{\"phone\":\"13800138000\",\"email\":\"Li@example."
            "com\"}},"
            "\"event\":\"x\",\"properties\":{\"a\":\"%s\",\"session\":\"9f86d081884c7d659a2feaa0c55ad015\"}}",
            hashes[i]);
        track(json);
        CHECK(properties, "{\"session\":\"9f86d081884c7d659a2feaa0c55ad015\"}");
    }
}

static void know_stored(struct known *known)
{
    static const char stored[] = "\"李雷\"";
    known_reset(known);
    pseudonym_gather(pseudonymiser, "name", 4, stored, strlen(stored), &(struct gathering){.known = known});
}

static int open_stored(void *self, struct known *known)
{
    static struct known stored;
    know_stored(&stored);
    known_take(known, &stored);
    ++*(unsigned *)self;
    return 0;
}

/* How often they are opened for an event. */
static unsigned suspect(const char *event)
{
    static struct known known;
    struct sketch_key key;
    struct sketch sketch = {0};
    unsigned opened = 0;
    begin(QUANYU__EVENT_TYPE__EVENT_TRACK, event);
    know_stored(&known);
    sketch_key_make(&key);
    sketch_add(&sketch, &key, &known);
    pseudonym_suspect(pseudonymiser, &sketch, &key, open_stored, &opened);
    finish();
    return opened;
}

static void what_is_stored_is_opened_once_where_a_text_looks_like_it(void **state)
{
    (void)state;
    unsigned opened = suspect("{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"a\":\"Hi "
                              "李·雷\",\"b\":\"李雷\",\"c\":\"韩梅梅\"}}");
    CHECK(properties, "{\"c\":\"韩梅梅\"}");
    assert_int_equal(opened, 1);
    opened = suspect("{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"c\":\"\"}}");
    CHECK(properties, "{\"c\":\"\"}");
    assert_int_equal(opened, 0);
}

static void names_known_of_the_person_are_found_within_texts(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"context\":{\"traits\":{\"name\":\"王小明\",\"lastName\":\"Smith\",\"address\":"
          "\"上海市南京东路100号\"}},"
          "\"event\":\"Hi 王小明\",\"properties\":{\"a\":\"Hi 王小明!\",\"b\":\"Dear "
          "SMITH,\",\"c\":\"Blacksmiths\",\"d\":"
          "\"送到上海市南京东路100号三楼\",\"e\":\"\\u738b\\u5c0f\\u660e\",\"f\":\"546L5bCP5piO\",\"g\":"
          "\"e78e8be5b08fe6988e\",\"h\":"
          "\"%E7%8E%8B%E5%B0%8F%E6%98%8E\",\"王小明\":1,\"keep\":\"小明\"}}");
    CHECK(name, "[personal]");
    CHECK(properties, "{\"c\":\"Blacksmiths\",\"keep\":\"小明\"}");
    begin(QUANYU__EVENT_TYPE__EVENT_TRACK,
        "{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"a\":\"Hi 李雷\",\"b\":\"韩梅梅\"}}");
    static struct known known;
    know_stored(&known);
    pseudonym_know(pseudonymiser, &known);
    finish();
    CHECK(properties, "{\"b\":\"韩梅梅\"}");
    track("{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"contact\":{\"fullName\":\"李雷\"},\"a\":"
          "\"李雷的订单\",\"keep\":1}}");
    CHECK(properties, "{\"keep\":1}");
}

static void ids_that_look_personal_become_tokens_that_stay_distinct(void **state)
{
    (void)state;
    track("{\"userId\":\"42\",\"event\":\"x\",\"properties\":{\"order_id\":\"13800138000\",\"customer_id\":"
          "\"42\",\"ref\":13800138001,"
          "\"again_id\":\"13800138000\",\"bin\":\"42\"}}");
    yyjson_doc *doc = yyjson_read((char *)properties.data, properties.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *order = yyjson_get_str(yyjson_obj_get(root, "order_id"));
    const char *again = yyjson_get_str(yyjson_obj_get(root, "again_id"));
    const char *ref = yyjson_get_str(yyjson_obj_get(root, "ref"));
    assert_true(order && again && ref && strncmp(order, "h_", 2) == 0);
    assert_string_equal(order, again);
    assert_string_not_equal(order, ref);
    assert_int_equal(strncmp(yyjson_get_str(yyjson_obj_get(root, "customer_id")), "h_", 2), 0);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "bin")), "42");
    yyjson_doc_free(doc);
}

static void addresses_of_pages_lose_their_queries(void **state)
{
    (void)state;
    begin(QUANYU__EVENT_TYPE__EVENT_PAGE,
        "{\"userId\":\"u\",\"name\":\"Home\",\"properties\":{\"name\":\"Home\",\"url\":\"https://b.cn/"
        "p?q=1#x\",\"path\":\"/p?q\","
        "\"referrer\":\"https://b.cn/u/li@example.com/\",\"search\":\"?q=1\",\"cta\":\"http://b.cn/"
        "?phone=1\",\"title\":\"T\"},"
        "\"context\":{\"page\":{\"path\":\"/user/13800138000\"}}}");
    finish();
    CHECK(name, "Home");
    CHECK(properties, "{\"name\":\"Home\",\"url\":\"https://b.cn/p\",\"path\":\"/p\",\"cta\":\"http://b.cn/"
                      "\",\"title\":\"T\"}");
    CHECK(context, "");
}

static void of_the_context_only_the_list_passes(void **state)
{
    (void)state;
    track("{\"userId\":\"u\",\"event\":\"x\",\"context\":{\"ip\":\"10.1.2.3\",\"userAgent\":\"x\","
          "\"channel\":\"wechat\",\"touchpoint\":"
          "\"t_7\",\"campaign\":{\"name\":\"Spring\",\"source\":\"wx\",\"term\":\"li@example.com\"},\"app\":{"
          "\"name\":\"Shop\",\"build\":"
          "\"1\"},\"device\":{\"id\":\"d\",\"type\":\"ios\"},\"os\":{\"version\":\"1\",\"name\":\"iOS\"},"
          "\"locale\":\"zh-CN\",\"timezone\":"
          "\"Asia/Shanghai\",\"library\":{\"name\":\"js\",\"version\":\"1\"},\"page\":{\"path\":\"/"
          "a?b\",\"url\":\"x\"},\"source\":{\"x\":1},"
          "\"location\":{\"city\":\"x\"}},\"properties\":{\"where\":\"10.1.2.3\"}}");
    CHECK(context, "{\"channel\":\"wechat\",\"touchpoint\":\"t_7\",\"campaign\":{\"name\":\"Spring\","
                   "\"source\":\"wx\"},\"app\":{\"name\":\"Shop\"},"
                   "\"device\":{\"type\":\"ios\"},\"os\":{\"name\":\"iOS\"},\"locale\":\"zh-CN\","
                   "\"timezone\":\"Asia/Shanghai\",\"library\":{\"name\":"
                   "\"js\"},\"page\":{\"path\":\"/a\"}}");
    CHECK(properties, "{}");
}

static bool is_kept(const char *key)
{
    for (unsigned i = 0; i < kept_count; i++)
        if (kept[i].key_size == strlen(key) && memcmp(kept[i].key, key, kept[i].key_size) == 0)
            return true;
    return false;
}

static void personal_traits_stay_and_others_pass(void **state)
{
    (void)state;
    begin(QUANYU__EVENT_TYPE__EVENT_IDENTIFY,
        "{\"userId\":\"u\",\"traits\":{\"name\":\"王小明\",\"age\":30,\"email\":\"w@example.com\",\"phone\":"
        "\"13800138000\",\"birthday\":"
        "\"1990-03-14\",\"address\":{\"city\":\"上海\",\"street\":\"南京路 1 "
        "号\"},\"city\":\"上海\",\"gender\":\"female\",\"skin_type\":"
        "\"dry\",\"plan\":\"gold\",\"member_card\":\"M7\",\"nick\":\"小明明\",\"custom\":\"w@example.com\","
        "\"gone\":null,\"avatar\":\"http://x\","
        "\"description\":\"x\",\"hobbies\":[\"a\",\"b\"],\"greeting\":\"Hi 王小明\",\"has_email\":\"x\"}}");
    finish();
    CHECK(traits, "{\"age\":30,\"city\":\"上海\",\"gender\":\"female\",\"skin_type\":\"dry\",\"plan\":"
                  "\"gold\",\"custom\":null,\"gone\":null,"
                  "\"hobbies\":[\"a\",\"b\"],\"greeting\":null,\"has_email\":true,\"has_phone\":true,"
                  "\"birthday_month_day\":\"03-14\"}");
    static const char *const stay[] = {"name", "email", "phone", "birthday", "address", "nick", "custom",
        "avatar", "description", "greeting", "city", "gender"};
    assert_int_equal(kept_count, COUNT_OF(stay));
    for (size_t i = 0; i < COUNT_OF(stay); i++)
        assert_true(is_kept(stay[i]));
    begin(QUANYU__EVENT_TYPE__EVENT_IDENTIFY,
        "{\"userId\":\"u\",\"traits\":{\"name\":null,\"email\":null,\"birthday\":null}}");
    finish();
    CHECK(traits, "{\"has_email\":null,\"birthday_month_day\":null}");
    assert_int_equal(kept_count, 3);
}

static void traits_of_the_context_count_unless_stated_again(void **state)
{
    (void)state;
    begin(QUANYU__EVENT_TYPE__EVENT_IDENTIFY, "{\"userId\":\"u\",\"traits\":{\"city\":\"a\"},\"context\":{"
                                              "\"traits\":{\"city\":\"b\",\"plan\":\"c\"}}}");
    finish();
    CHECK(traits, "{\"city\":\"a\",\"plan\":\"c\"}");
}

static void a_groups_traits_are_properties(void **state)
{
    (void)state;
    begin(QUANYU__EVENT_TYPE__EVENT_GROUP, "{\"userId\":\"u\",\"groupId\":\"g\",\"traits\":{\"name\":"
                                           "\"ACME\",\"size\":5,\"email\":\"a@b.cn\"}}");
    finish();
    CHECK(properties, "{\"name\":\"ACME\",\"size\":5}");
    CHECK(traits, "");
}

/* Objects in one another, with something personal and something else on each level. */
static void write_nested(struct buffer *out, int levels, bool personal)
{
    for (int i = 0; i < levels; i++)
        buffer_text(out,
            personal ? "{\"mail\":\"a@b.cn\",\"x\":\"13800138000\",\"n\":[1,{\"a\":" : "{\"n\":[1,{\"a\":");
    buffer_text(out, personal ? "[\"13800138000\",\"kept\"]" : "[\"kept\"]");
    for (int i = 0; i < levels; i++)
        buffer_text(out, "}]}");
}

static void what_the_gateway_takes_passes_scrubbed_however_deep_it_is(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT, expected = BUFFER_INIT;
    buffer_text(&text, "{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"deep\":");
    write_nested(&text, 20, true); /* 62 levels, below the event and its properties */
    buffer_text(&text, "}}");
    buffer_text(&expected, "{\"deep\":");
    write_nested(&expected, 20, false);
    buffer_byte(&expected, '}');
    char pointer[JSON_POINTER_BYTES];
    yyjson_doc *doc = yyjson_read((char *)text.data, text.size, 0);
    assert_false(json_find_deep(yyjson_doc_get_root(doc), pointer));
    yyjson_doc_free(doc);
    track(buffer_c_str(&text));
    CHECK(properties, buffer_c_str(&expected));
}

static void what_no_gateway_takes_is_cut(void **state)
{
    (void)state;
    _cleanup_(buffer_free) struct buffer text = BUFFER_INIT;
    buffer_text(&text, "{\"userId\":\"u\",\"event\":\"x\",\"properties\":{\"keep\":1,\"deep\":");
    for (int i = 0; i < 5000; i++)
        buffer_text(&text, i % 2 ? "{\"a\":" : "[");
    buffer_text(&text, "\"13800138000\"");
    for (int i = 4999; i >= 0; i--)
        buffer_text(&text, i % 2 ? "}" : "]");
    buffer_text(&text, "}}");
    const char *json = buffer_c_str(&text);
    track(json);
    assert_true(properties.size < 500);
    yyjson_doc *doc = yyjson_read((char *)properties.data, properties.size, 0);
    assert_non_null(doc);
    yyjson_doc_free(doc);
}

static void birthdays_are_read_in_many_forms(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"\"1990-03-14\"", "\"03-14\""}, {"\"1990/3/4\"", "\"03-04\""},
        {"\"19900314\"", "\"03-14\""}, {"19900314", "\"03-14\""}, {"\"1990-03-14T00:00:00Z\"", "\"03-14\""},
        {"\"03-14\"", "\"03-14\""}, {"\"2000-02-29\"", "\"02-29\""}, {"\"1990-13-14\"", NULL},
        {"\"1990-02-30\"", NULL}, {"\"\"", NULL}, {"\"x\"", NULL}, {"true", NULL}, {"\"0314\"", NULL},
        {"\"1990-03-145\"", NULL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char json[200], expected[100] = "";
        snprintf(json, sizeof(json), "{\"userId\":\"u\",\"traits\":{\"birthday\":%s}}", cases[i][0]);
        if (cases[i][1])
            snprintf(expected, sizeof(expected), "{\"birthday_month_day\":%s}", cases[i][1]);
        begin(QUANYU__EVENT_TYPE__EVENT_IDENTIFY, json);
        finish();
        CHECK(traits, cases[i][0][0] == 't' ? "{\"birthday\":true}" : expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_personal_passes_as_it_is),
        cmocka_unit_test(personal_members_are_dropped_by_their_names),
        cmocka_unit_test(values_that_look_personal_are_dropped_wherever_they_are),
        cmocka_unit_test(chinese_numbers_are_dropped_in_all_their_forms),
        cmocka_unit_test(what_only_resembles_them_passes),
        cmocka_unit_test(numbers_are_looked_at_however_they_are_written),
        cmocka_unit_test(encoded_values_are_found_within_texts),
        cmocka_unit_test(values_of_the_events_identifiers_are_dropped),
        cmocka_unit_test(plain_hashes_of_the_events_identifiers_are_dropped),
        cmocka_unit_test(names_known_of_the_person_are_found_within_texts),
        cmocka_unit_test(what_is_stored_is_opened_once_where_a_text_looks_like_it),
        cmocka_unit_test(ids_that_look_personal_become_tokens_that_stay_distinct),
        cmocka_unit_test(addresses_of_pages_lose_their_queries),
        cmocka_unit_test(of_the_context_only_the_list_passes),
        cmocka_unit_test(personal_traits_stay_and_others_pass),
        cmocka_unit_test(traits_of_the_context_count_unless_stated_again),
        cmocka_unit_test(a_groups_traits_are_properties),
        cmocka_unit_test(what_the_gateway_takes_passes_scrubbed_however_deep_it_is),
        cmocka_unit_test(what_no_gateway_takes_is_cut),
        cmocka_unit_test(birthdays_are_read_in_many_forms),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
