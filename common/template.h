/* SPDX-License-Identifier: Apache-2.0 */
/* Placeholders in content: {{one_id}} {{name}} {{phone}} {{email}} {{journey}} {{step}} {{delivery_id}}.
 *
 * Checked when the journey is defined, filled in at the moment of sending; what was filled in is never kept.
 */
#ifndef QY_COMMON_TEMPLATE_H
#define QY_COMMON_TEMPLATE_H

#include "common/buffer.h"

enum placeholder {
    PLACEHOLDER_ONE_ID,
    PLACEHOLDER_NAME,
    PLACEHOLDER_PHONE,
    PLACEHOLDER_EMAIL,
    PLACEHOLDER_JOURNEY,
    PLACEHOLDER_STEP,
    PLACEHOLDER_DELIVERY_ID,
    PLACEHOLDER_COUNT
};

#define PLACEHOLDER_BIT(placeholder) (1u << (placeholder))
/* A person's own, in the clear. */
#define PLACEHOLDERS_PERSONAL                                                                                \
    (PLACEHOLDER_BIT(PLACEHOLDER_NAME) | PLACEHOLDER_BIT(PLACEHOLDER_PHONE) |                                \
        PLACEHOLDER_BIT(PLACEHOLDER_EMAIL))
/* Those that only identity knows. */
#define PLACEHOLDERS_OF_PERSON (PLACEHOLDER_BIT(PLACEHOLDER_ONE_ID) | PLACEHOLDERS_PERSONAL)

/* Adds the placeholders of `text` to *used. -QY_EINVAL, saying what is wrong, for one that is unknown or not
 * closed. */
int template_check(const char *text, unsigned *used, char problem[128]);

/* How a value is made safe for where it lands. */
enum template_form {
    TEMPLATE_TEXT,   /* as it is */
    TEMPLATE_JSON,   /* inside a JSON string */
    TEMPLATE_HTML,   /* inside an element or a quoted attribute */
    TEMPLATE_HEADER, /* a mail header: control characters become blanks */
};

/* NULL values are written as nothing. `text` has passed template_check(). */
void template_render(const char *text, enum template_form form, const char *const values[PLACEHOLDER_COUNT],
    struct buffer *out);

#endif
