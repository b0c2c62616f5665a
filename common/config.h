/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one file in czmq's ZPL (`quanyu.conf`), overridden by QUANYU_* environment variables.
 *
 * A setting is known by its dotted name, "gateway.http_port" or "data"; the variable is QUANYU_ and the name
 * in capitals with underscores: QUANYU_GATEWAY_HTTP_PORT. In the file it stands under its section or with its
 * whole name. An empty variable counts as absent. config_settings in config_settings.c is the one table of
 * all settings: name, type, default, range, and the sentence that the README and --help show. An unknown name
 * in the file or in a QUANYU_ variable (QUANYU_CONFIG and QUANYU_TEST_* apart), a name given twice, or a
 * wrong value stops the start with a message that names the setting, where it stands and what is wrong. */
#ifndef QY_COMMON_CONFIG_H
#define QY_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TEXT,
    CONFIG_NUMBER,
    CONFIG_BOOL,     /* true false yes no on off 1 0 */
    CONFIG_BYTES,    /* "4096" "32K" "5M" "16G" "1T", in powers of 1,024 */
    CONFIG_DURATION, /* "500ms" "90s" "15m" "36h" "30d" "6w" */
};

struct config_setting {
    const char *name;
    enum config_type type;
    const char
        *standard; /* default, as one would write it; where it begins with "<data>", that setting's value */
    int64_t least, most; /* numbers, bytes and durations (in ms) */
    const char *choices; /* texts: "text|json"; NULL: any */
    const char *(*check)(
        const char *value); /* texts: what is wrong with it, NULL when nothing is; may be NULL */
    bool lasting; /* what is stored depends on it: it stays as the first start found it (service_lasting.c) */
    const char *help;
};
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

struct config;
/* `path` NULL: $QUANYU_CONFIG, else ./quanyu.conf where it exists. On failure (-QY_EINVAL, -QY_ENOTFOUND for
 * the file, -QY_ENOMEM) `error` says why, in one line. */
int config_open(const char *path, struct config **ret_config, char error[256]);
void config_close(struct config **config);

/* Asking for a name that is not in the table, or for another type, is a programmer's error (assert). Texts
 * live as long as the config. */
const char *config_text(const struct config *config, const char *name);
int64_t config_number(
    const struct config *config, const char *name); /* numbers, bytes, and durations in ms */
bool config_bool(const struct config *config, const char *name);
/* The same for "<service>.<name>". */
const char *config_service_text(const struct config *config, const char *service, const char *name);
int64_t config_service_number(const struct config *config, const char *service, const char *name);

/* Prints the table for --help. */
void config_print_help(void);

#endif
