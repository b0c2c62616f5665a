/* SPDX-License-Identifier: Apache-2.0 */
/* People made up in the manner of FEBRL (Christen, 2005): originals after frequency tables, and duplicates of some of them with what
 * goes wrong when somebody registers again: typing mistakes, missing values, swapped fields, nicknames, transposed digits, a move, a
 * new number. Some originals are a household: one family name, one address. */
#ifndef QY_TESTS_SUPPORT_PEOPLE_H
#define QY_TESTS_SUPPORT_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct people {
    uint64_t seed;
    uint32_t phones, emails; /* given out so far */
};

struct someone {
    uint32_t human; /* the same for an original and its duplicates */
    bool han;
    unsigned family, given, given2; /* given2: a second character; 0: none */
    bool female;
    int year, month, day;
    unsigned city, street, house, room;
    char name[96], phone[16], email[80], birthday[16], address[400];
};

static inline uint64_t people_draw(struct people *people, uint64_t below)
{
    uint64_t x = people->seed += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) % below;
}

static inline bool people_chance(struct people *people, unsigned percent)
{
    return people_draw(people, 100) < percent;
}

/* The first ones are the frequent ones. */
static inline unsigned people_skewed(struct people *people, unsigned count)
{
    uint64_t square = people_draw(people, 1000) * people_draw(people, 1000);
    return (unsigned)(square * count / 1000000);
}

static const char *const people_families[] = {"王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周",
    "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "高", "罗", "郑", "梁", "谢", "宋", "唐", "许", "韩",
    "邓", "冯", "曹", "彭", "曾", "肖", "田", "董", "潘", "袁", "蔡", "蒋", "余", "于", "杜", "叶", "程",
    "魏", "苏", "吕", "丁", "任", "卢", "姚", "沈", "钟", "姜", "崔", "谭", "陆", "范", "汪", "廖"};
static const char *const people_given[] = {"伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇",
    "艳", "杰", "娟", "涛", "明", "超", "秀", "霞", "平", "刚", "桂", "英", "华", "玉", "兰", "红", "鹏",
    "飞", "梅", "鑫", "波", "斌", "莉", "宇", "浩", "凯", "晨", "雪", "琳", "婷", "慧", "倩", "颖", "佳",
    "欣", "怡", "涵", "轩", "博", "文", "思", "雨", "晓", "建", "国", "志", "海", "东", "春", "永", "德",
    "光", "天", "子", "俊", "嘉", "梓", "诗", "若", "安", "宁", "乐", "云", "月", "林", "森", "成", "康",
    "健", "龙", "虎", "瑞", "祥", "福", "荣", "贵", "珍", "珠", "翠", "莲", "菊", "凤", "燕", "萍", "蓉",
    "薇", "蕾"};
static const char *const people_latin_families[] = {"Smith", "Johnson", "Williams", "Brown", "Jones",
    "Garcia", "Miller", "Davis", "Rodriguez", "Martinez", "Hernandez", "Lopez", "Gonzalez", "Wilson",
    "Anderson", "Thomas", "Taylor", "Moore", "Jackson", "Martin", "Lee", "Perez", "Thompson", "White",
    "Harris", "Sanchez", "Clark", "Ramirez", "Lewis", "Robinson", "Walker", "Young", "Allen", "King",
    "Wright", "Scott", "Torres", "Nguyen", "Hill", "Flores", "Green", "Adams", "Nelson", "Baker", "Hall",
    "Rivera", "Campbell", "Mitchell", "Carter", "Roberts"};
static const char *const people_latin_given[][2] = {{"James", "Jim"}, {"Robert", "Bob"}, {"John", "Jack"},
    {"Michael", "Mike"}, {"David", "Dave"}, {"William", "Bill"}, {"Richard", "Dick"}, {"Joseph", "Joe"},
    {"Thomas", "Tom"}, {"Charles", "Chuck"}, {"Christopher", "Chris"}, {"Daniel", "Dan"}, {"Matthew", "Matt"},
    {"Anthony", "Tony"}, {"Mary", "Molly"}, {"Patricia", "Patty"}, {"Jennifer", "Jenny"},
    {"Elizabeth", "Liz"}, {"Barbara", "Barb"}, {"Susan", "Sue"}, {"Jessica", "Jess"}, {"Margaret", "Peggy"},
    {"Katherine", "Kate"}, {"Nancy", "Nan"}, {"Samantha", "Sam"}, {"Rebecca", "Becky"},
    {"Stephanie", "Steph"}, {"Victoria", "Vicky"}, {"Alexandra", "Sandra"}, {"Benjamin", "Ben"}};
static const char *const people_cities[] = {"上海", "北京", "深圳", "广州", "成都", "杭州", "重庆", "武汉",
    "苏州", "西安", "南京", "长沙", "天津", "郑州", "东莞", "无锡", "宁波", "青岛", "合肥", "佛山", "沈阳",
    "昆明", "济南", "厦门", "福州", "温州", "大连", "石家庄", "泉州", "哈尔滨", "长春", "南宁", "金华",
    "贵阳", "南昌", "常州", "嘉兴", "珠海", "徐州", "太原"};
static const char *const people_roads[] = {"人民路", "中山路", "解放路", "建设路", "和平街", "新华路",
    "文化路", "长江路", "黄河路", "北京路", "南京西路", "淮海中路", "延安东路", "复兴路", "胜利街", "友谊路",
    "工农路", "青年路", "朝阳街", "东风路", "西湖大道", "滨江路", "花园路", "学院路", "科技大道", "体育路",
    "公园街", "迎宾路", "环城东路", "光明街"};

#define PEOPLE_COUNT(list) ((unsigned)(sizeof(list) / sizeof((list)[0])))

/* -- originals -- */

static inline void people_write_phone(struct people *people, struct someone *one)
{
    static const unsigned heads[] = {
        130, 131, 135, 136, 137, 138, 139, 150, 151, 158, 159, 180, 186, 187, 188, 189};
    uint64_t number = ((uint64_t)++people->phones * 48271u + people_draw(people, 1) + 7919u) %
                      100000000u; /* each once a head */
    unsigned head = heads[(people->phones / 1000003u + people->phones) % PEOPLE_COUNT(heads)];
    snprintf(one->phone, sizeof(one->phone), "%u%08llu", head, (unsigned long long)number);
}

static inline void people_write_email(struct people *people, struct someone *one)
{
    static const char *const hosts[] = {"qq.com", "163.com", "gmail.com", "126.com", "outlook.com"};
    const char *host = hosts[people_draw(people, PEOPLE_COUNT(hosts))];
    if (one->han)
        snprintf(one->email, sizeof(one->email), "u%08x%x@%s", ++people->emails * 2654435761u,
            one->human % 16, host);
    else
        snprintf(one->email, sizeof(one->email), "%s.%s%u@%s", people_latin_given[one->given][0],
            people_latin_families[one->family], ++people->emails, host);
}

static inline void people_write_name(struct someone *one)
{
    if (one->han)
        snprintf(one->name, sizeof(one->name), "%s%s%s", people_families[one->family],
            people_given[one->given], one->given2 ? people_given[one->given2] : "");
    else
        snprintf(one->name, sizeof(one->name), "%s %s", people_latin_given[one->given][0],
            people_latin_families[one->family]);
}

static inline void people_write_address(struct someone *one)
{
    snprintf(one->address, sizeof(one->address),
        "{\"city\":\"%s\",\"street\":\"%s%u号%u室\",\"postal_code\":\"%02u%02u00\"}",
        people_cities[one->city], people_roads[one->street], one->house, one->room, 10 + one->city,
        10 + one->street);
}

static inline void people_write_birthday(struct someone *one)
{
    snprintf(one->birthday, sizeof(one->birthday), "%04d-%02d-%02d", one->year, one->month, one->day);
}

static inline void people_settle(struct people *people, struct someone *one)
{
    one->city = people_skewed(people, PEOPLE_COUNT(people_cities));
    one->street = people_skewed(people, PEOPLE_COUNT(people_roads));
    one->house = 1 + (unsigned)people_draw(people, 900);
    one->room = 101 + (unsigned)people_draw(people, 30) * 100 + (unsigned)people_draw(people, 8);
}

/* Of `household` the family name and the address, where it is not NULL. */
static inline void people_original(
    struct people *people, uint32_t human, const struct someone *household, struct someone *ret_one)
{
    struct someone one = {.human = human, .han = household ? household->han : !people_chance(people, 15)};
    one.family = household ? household->family
                           : people_skewed(people, one.han ? PEOPLE_COUNT(people_families)
                                                           : PEOPLE_COUNT(people_latin_families));
    one.given = one.han ? people_skewed(people, PEOPLE_COUNT(people_given))
                        : (unsigned)people_draw(people, PEOPLE_COUNT(people_latin_given));
    one.given2 =
        one.han && !people_chance(people, 25) ? people_skewed(people, PEOPLE_COUNT(people_given)) : 0;
    one.female = people_chance(people, 50);
    one.year = 1950 + (int)people_draw(people, 57);
    one.month = 1 + (int)people_draw(people, 12);
    one.day = 1 + (int)people_draw(people, 28);
    if (household) {
        one.city = household->city;
        one.street = household->street;
        one.house = household->house;
        one.room = household->room;
    } else {
        people_settle(people, &one);
    }
    people_write_name(&one);
    people_write_birthday(&one);
    people_write_address(&one);
    people_write_phone(people, &one);
    people_write_email(people, &one);
    if (people_chance(people, 30))
        one.email[0] = '\0';
    if (people_chance(people, 15))
        one.birthday[0] = '\0';
    if (people_chance(people, 25))
        one.address[0] = '\0';
    *ret_one = one;
}

/* -- duplicates -- */

/* A letter is another one, is left out, stands twice, or changes places with the next. */
static inline void people_mistype(struct people *people, char *text)
{
    size_t size = strlen(text), at;
    if (size < 3)
        return;
    at = people_draw(people, size - 1);
    switch (people_draw(people, 4)) {
    case 0:
        text[at] = (char)('a' + people_draw(people, 26));
        break;
    case 1:
        memmove(text + at, text + at + 1, size - at);
        break;
    case 2:
        memmove(text + at + 1, text + at, size - at + 1);
        break;
    default: {
        char c = text[at];
        text[at] = text[at + 1];
        text[at + 1] = c;
    }
    }
}

static inline void people_soil_name(struct people *people, struct someone *one)
{
    unsigned what = (unsigned)people_draw(people, 100);
    if (what < 70)
        return;
    if (one->han && what < 82 && one->given2) { /* another character, as by an input method */
        one->given2 = 1 + (unsigned)people_draw(people, PEOPLE_COUNT(people_given) - 1);
        people_write_name(one);
    } else if (one->han && what < 88) {
        snprintf(one->name, sizeof(one->name), "%s%s%s", people_given[one->given],
            one->given2 ? people_given[one->given2] : "", people_families[one->family]);
    } else if (one->han && what < 95) {
        snprintf(one->name, sizeof(one->name), "%s%s", people_families[one->family],
            one->female ? "女士" : "先生");
    } else if (one->han) {
        one->name[0] = '\0';
    } else if (what < 82) {
        people_mistype(people, one->name);
    } else if (what < 88) {
        snprintf(one->name, sizeof(one->name), "%s %s", people_latin_families[one->family],
            people_latin_given[one->given][0]);
    } else if (what < 96) {
        snprintf(one->name, sizeof(one->name), "%s %s", people_latin_given[one->given][1],
            people_latin_families[one->family]);
    } else {
        one->name[0] = '\0';
    }
}

static inline void people_soil_birthday(struct people *people, struct someone *one)
{
    unsigned what = (unsigned)people_draw(people, 100);
    int day = one->day;
    if (!*one->birthday || what < 78)
        return;
    if (what < 83 && one->day <= 12) {
        one->day = one->month;
        one->month = day;
    } else if (what < 86) {
        one->year += people_chance(people, 50) ? 1 : -1;
    } else if (what < 89) {
        one->day = 1 + (int)people_draw(people, 28);
    } else if (what < 91) {
        one->month = 1 + (int)people_draw(people, 12);
    }
    people_write_birthday(one);
    if (what >= 91)
        one->birthday[0] = '\0';
}

static inline void people_soil_address(struct people *people, struct someone *one)
{
    unsigned what = (unsigned)people_draw(people, 100), city = one->city;
    if (!*one->address || what < 45)
        return;
    if (what < 60) { /* as somebody else writes it */
        snprintf(one->address, sizeof(one->address), "{\"city\":\"%s市\",\"street\":\"%s %u号 %u\"}",
            people_cities[one->city], people_roads[one->street], one->house, one->room);
    } else if (what < 85) {
        people_settle(people, one);
        if (what < 75)
            one->city = city;
        people_write_address(one);
    } else {
        one->address[0] = '\0';
    }
}

/* Never the same: that would prove it. */
static inline void people_soil_phone(struct people *people, struct someone *one)
{
    unsigned what = (unsigned)people_draw(people, 100);
    size_t at = 3 + people_draw(people, 7);
    char c = one->phone[at];
    if (what < 40 && one->phone[at] != one->phone[at + 1]) {
        one->phone[at] = one->phone[at + 1];
        one->phone[at + 1] = c;
    } else if (what < 60) {
        one->phone[at] = (char)('0' + (c - '0' + 1 + (int)people_draw(people, 9)) % 10);
    } else {
        people_write_phone(people, one);
    }
}

static inline void people_soil_email(struct people *people, struct someone *one)
{
    unsigned what = (unsigned)people_draw(people, 100);
    char *sign = strchr(one->email, '@');
    if (!sign)
        return;
    if (what < 40) {
        snprintf(sign, sizeof(one->email) - (size_t)(sign - one->email), "@hotmail.com");
    } else if (what < 55) {
        char local[64];
        snprintf(local, sizeof(local), "%.*s", (int)(sign - one->email), one->email);
        people_mistype(people, local);
        snprintf(one->email, sizeof(one->email), "%s@sina.com", local);
    } else if (what < 75) {
        people_write_email(people, one);
    } else {
        one->email[0] = '\0';
    }
}

static inline void people_duplicate(
    struct people *people, const struct someone *original, struct someone *ret_one)
{
    struct someone one = *original;
    people_soil_name(people, &one);
    people_soil_birthday(people, &one);
    people_soil_address(people, &one);
    people_soil_phone(people, &one);
    people_soil_email(people, &one);
    *ret_one = one;
}

/* The body of the event with which somebody registers. */
static inline void people_register(const struct someone *one, uint32_t number, char *body, size_t room)
{
    char traits[800];
    int size = snprintf(traits, sizeof(traits), "\"gender\":\"%s\"", one->female ? "female" : "male");
    const char *const names[] = {"name", "birthday", "phone", "email"};
    const char *const values[] = {one->name, one->birthday, one->phone, one->email};
    for (size_t i = 0; i < 4; i++)
        if (*values[i])
            size +=
                snprintf(traits + size, sizeof(traits) - (size_t)size, ",\"%s\":\"%s\"", names[i], values[i]);
    if (*one->address)
        snprintf(traits + size, sizeof(traits) - (size_t)size, ",\"address\":%s", one->address);
    snprintf(body, room, "{\"type\":\"identify\",\"userId\":\"user-%u\",\"traits\":{%s}}", number, traits);
}

#endif
