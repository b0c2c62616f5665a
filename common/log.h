/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on standard error: key=value, or JSON lines. Never a personal value in any of them. */
#ifndef QY_COMMON_LOG_H
#define QY_COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Set once by main before threads start. `service` must outlive the process's logging. */
void log_setup(const char *service, enum log_level level, bool json);

/* The request id that this thread's lines carry as request_id=…; NULL ends it. Borrowed until changed. */
void log_set_request(const char *request_id);

/* One line: log_line(LOG_INFO, "commit failed", "error=%s journal=%s", text, name). Pairs are key=value with
 * blanks between them; a value that may hold blanks stands in double quotes. */
void log_line(enum log_level level, const char *message, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));

#endif
