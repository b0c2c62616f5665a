/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON strictly: what journey.c and journey_steps.c share. The first problem stays; later readings
 * yield nothing. */
#ifndef QY_CAMPAIGN_JOURNEY_READER_H
#define QY_CAMPAIGN_JOURNEY_READER_H

#include "services/campaign/journey.h"

#include <yyjson.h>

struct reader {
    struct arena *arena;
    struct journey_problem *problem;
    bool stored; /* the definition's form: else it is as given */
    int error;   /* 0 or the first one */
};

/* An object of the definition with the JSON pointer to it. */
struct part {
    yyjson_val *json;
    const char *pointer;
};

/* Notes a problem at `part`'s member `key` (NULL: at the part itself). */
void reader_refuse(struct reader *reader, const struct part *part, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Memory was not to be had. */
void reader_fail(struct reader *reader);
/* An array's element. */
struct part reader_item(struct reader *reader, const struct part *array, size_t index, yyjson_val *json);
/* False, with a problem, where the part is no object or has a key that is not among the NULL-terminated
 * `keys`. */
bool reader_object(struct reader *reader, const struct part *part, const char *const *keys);
/* A text of 1 to `most` bytes without control characters (`lines`: but tabs and line ends), copied; NULL
 * where absent or wrong. */
const char *reader_text(
    struct reader *reader, const struct part *part, const char *key, bool required, size_t most, bool lines);
bool reader_bool(struct reader *reader, const struct part *part, const char *key, bool absent);
/* A member as compact JSON, copied; NULL where it is absent. */
const char *reader_json(struct reader *reader, const struct part *part, const char *key, size_t *ret_size);
/* A rule, checked by the rule language's parser. */
void reader_rule(struct reader *reader, const struct part *part, const char *key, bool trigger,
    struct watch_rule *ret_rule);

/* journey_steps.c: the steps with their references. */
void reader_steps(struct reader *reader, const struct part *root, struct journey *journey);

#endif
