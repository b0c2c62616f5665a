/* SPDX-License-Identifier: Apache-2.0 */
/* Auditors' tokens, made and revoked: by operators on the machine itself, and by administrators among the auditors. Each change is on
 * record with who made it, in the same commit. */
#ifndef QY_AUDIT_AUDITORS_H
#define QY_AUDIT_AUDITORS_H

#include "common/rpc.h"
#include "services/audit/audit.h"
#include "services/audit/audit_token.h"

#define AUDITORS_MAX 100u

/* Who changes them. Texts are borrowed. */
struct auditor_by {
    const Quanyu__Actor *actor;
    const char *request_id;
};
struct new_auditor {
    const char *name;
    enum audit_role role;
    uint32_t days; /* 0: a year */
};

/* What is wrong with it, a static text, and where; NULL: nothing. */
const char *audit_auditors_problem(const struct new_auditor *asked, const char **ret_field);

/* Writer thread. -QY_ECONFLICT: there are AUDITORS_MAX; -QY_EUNAVAILABLE as audit_take(): then the batch must not be committed. */
int audit_auditors_make(struct audit *audit, struct batch *batch, const struct auditor_by *by,
    const struct new_auditor *asked, char ret_text[TOKEN_TEXT_BYTES], struct audit_token *ret_token);
/* Likewise. -QY_ENOTFOUND: no auditor has this token. */
int audit_auditors_revoke(struct audit *audit, struct batch *batch, const struct auditor_by *by,
    const char *id, struct audit_token *ret_token);

/* The request "auditors", of operators. */
rpc_handler_fn audit_auditors;

#endif
