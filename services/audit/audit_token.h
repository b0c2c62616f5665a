/* SPDX-License-Identifier: Apache-2.0 */
/* Auditors' tokens: random, stored as hashes only, valid for a time by the wall clock. The gateway's tokens
 * are not known here. */
#ifndef QY_AUDIT_TOKEN_H
#define QY_AUDIT_TOKEN_H

#include "common/buffer.h"
#include "common/config.h"
#include "common/store.h"

#define TOKEN_TEXT_BYTES 64

/* What an auditor may do. */
enum audit_role {
    ROLE_READER,        /* everything but */
    ROLE_ADMINISTRATOR, /* to make and revoke other auditors' tokens */
};
#define ROLE_COUNT 2
const char *audit_role_name(enum audit_role role);
/* False: there is none of this name. */
bool audit_role_parse(const char *name, enum audit_role *ret_role);

struct audit_token {
    char id[32];   /* public: names the token in records */
    char name[64]; /* whose it is */
    enum audit_role role;
    int64_t created_ms;
    int64_t expires_ms;
};

/* Makes a token and stores its hash; the token itself is in `ret_text`, and nowhere else. That it was made is put on
 * record with this batch, or with the first one that has a time. */
void audit_token_make(struct store_txn *txn, const char *name, enum audit_role role, int64_t now_ms,
    int64_t lifetime_ms, char ret_text[TOKEN_TEXT_BYTES], struct audit_token *ret_token);
/* -QY_EUNAUTHENTIC when it is unknown or has expired. */
int audit_token_check(struct store_txn *txn, const char *text, int64_t now_ms, struct audit_token *ret_token);

/* That it was made is on record: nothing is owed any more. */
void audit_token_recorded(struct store_txn *txn, const char *text);
/* Calls back for each that is valid at `now_ms`, until `visit` returns false. */
void audit_token_each(struct store_txn *txn, int64_t now_ms,
    bool (*visit)(void *context, const struct audit_token *token), void *context);
/* From the commit on it is refused. -QY_ENOTFOUND: none that is there has this id. */
int audit_token_revoke(struct store_txn *txn, const char *id, struct audit_token *ret_token);

/* The next token whose making is to be put on record, with what its record says appended to `out`; false: there is
 * none. It counts as recorded from now on. */
bool audit_token_take_owed(struct store_txn *txn, struct buffer *out);

/* What a record of it says, as the members of an object. */
void audit_token_describe(const struct audit_token *token, struct buffer *out);

/* Where no token is valid (at first start, and when the last one has expired), makes an administrator's for a year and
 * writes it with the audit port's URL to <bootstrap>/audit.json, mode 0600; with the setting bootstrap = none
 * it makes nothing. */
int audit_token_bootstrap(struct store_txn *txn, const struct config *config);

#endif
