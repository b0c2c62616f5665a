/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken for unusual, and who is told: auditors' configuration, as JSON.
 *
 *  {"window_days": 28, "timezone": "Asia/Shanghai", "work_from": "08:00", "work_to": "22:00",
 *   "rules": {"habit": {"on": true, "least": 60, "deviations": 8}, …}, "webhook": {"url": "https://…", "secret": "…"}, "email": ["…"]}
 *
 * What is left out is as in the standard. */
#ifndef QY_AUDIT_ALERT_RULES_H
#define QY_AUDIT_ALERT_RULES_H

#include "common/json.h"
#include "services/audit/habit.h"

#define ALERT_WINDOW_DAYS_MAX 90u
#define ALERT_EMAILS_MAX 10u
#define ALERT_FIELD_BYTES 64

struct alert_rules {
    unsigned window_days;
    char zone[65];          /* "": the service's own */
    int work_from, work_to; /* minutes of the day; from may be later than to: night shifts */
    struct habit_rule rules[HABIT_RULES];
    char webhook_url[513]; /* "": none */
    char webhook_secret[129];
    char emails[ALERT_EMAILS_MAX][129];
    size_t email_count;
};

void alert_rules_standard(struct alert_rules *rules);
/* NULL, or what is wrong (a static text), with the member's JSON pointer in `ret_field`; the rules are then what they were. A webhook
 * without a secret keeps the one that there is in `rules`. */
const char *alert_rules_parse(
    struct bytes text, struct alert_rules *rules, char ret_field[ALERT_FIELD_BYTES]);
/* As an object; the secret only `with_secret`. */
void alert_rules_write(const struct alert_rules *rules, bool with_secret, struct json *json);
/* Whether a minute of the day is outside working hours. */
bool alert_rules_is_off(const struct alert_rules *rules, int minute);

#endif
