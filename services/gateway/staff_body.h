/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a call that makes or changes a member of staff: what each member may be. */
#ifndef QY_GATEWAY_STAFF_BODY_H
#define QY_GATEWAY_STAFF_BODY_H

#include "services/gateway/api.h"

#define STAFF_TEXT_BYTES 128u

/* NULL: not stated; "": none. */
struct staff_input {
    const char *login, *name, *email, *phone;
    const char *code, *role, *unit;
};

/* Reads what is there; `whole`: role and unit are required. */
int staff_read_body(struct api_call *call, bool whole, struct staff_input *ret_input);
/* A text of the body that goes on record: short, without control characters. */
int staff_read_text(
    struct api_call *call, const char *name, bool required, size_t most, const char **ret_text);

#endif
