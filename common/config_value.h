/* SPDX-License-Identifier: Apache-2.0 */
/* What a setting's text means, and what is wrong with it. */
#ifndef QY_COMMON_CONFIG_VALUE_H
#define QY_COMMON_CONFIG_VALUE_H

#include "common/config.h"

/* Reads `value` as the setting's type; `ret_number` is 0 for texts. False, and in `wrong` a few words that
 * follow the setting's name, when it is no such value. A text's value is never repeated there: it may hold a
 * password. */
bool config_value_read(
    const struct config_setting *setting, const char *value, int64_t *ret_number, char wrong[160]);

/* For config_setting.check. */
const char *config_check_path(const char *value);
const char *config_check_host(const char *value);
const char *config_check_zone(const char *value);
const char *config_check_currency(const char *value);
const char *config_check_region(const char *value);
const char *config_check_time(const char *value);
const char *config_check_kinds(const char *value);
const char *config_check_proxies(const char *value);

#endif
