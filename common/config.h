/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one file in czmq's ZPL (`quanyu.conf`), overridden by QUANYU_* environment variables.
 *
 * A setting is known by its dotted name, "gateway.http_port" or "data"; the variable is QUANYU_ and the name in capitals with
 * underscores: QUANYU_GATEWAY_HTTP_PORT. config_settings in config.c is the one table of all settings: name, type, default,
 * range, and the sentence that the README and --help show. An unknown name in the file or a wrong value stops the start with
 * a message that names the setting, where it stands and what is wrong. */
#ifndef QY_COMMON_CONFIG_H
#define QY_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_BOOL, CONFIG_BYTES, CONFIG_DURATION };

struct config_setting {
    const char *name;
    enum config_type type;
    const char *standard; /* default, as one would write it */
    int64_t least, most;  /* numbers, bytes and durations (in ms) */
    const char *help;
};
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

struct config;
/* `path` NULL: $QUANYU_CONFIG, else ./quanyu.conf where it exists. On failure `error` says why, in one line. */
int config_open(const char *path, struct config **ret_config, char error[256]);
void config_close(struct config **config);

/* Asking for a name that is not in the table is a programmer's error (assert). Texts live as long as the config. */
const char *config_text(const struct config *config, const char *name);
int64_t config_number(const struct config *config, const char *name); /* numbers, bytes, and durations in ms */
bool config_bool(const struct config *config, const char *name);

/* Prints the table for --help. */
void config_print_help(void);

#endif
