/* SPDX-License-Identifier: Apache-2.0 */
/* An operator on the machine itself, who asks the services with the key "cli". */
#ifndef QY_CLI_OPERATOR_H
#define QY_CLI_OPERATOR_H

#include "common/config.h"
#include "common/mem.h"
#include "proto/audit.pb-c.h"

#include <stdbool.h>

struct operator
{
    struct config *config;
    struct peers *peers;
    struct rpc_client *client;
    struct arena *arena;
};

/* Says what is wrong. 0 or a negative code. */
int operator_open(struct operator* operator);
/* Safe on one that is half open. */
void operator_close(struct operator* operator);
/* Says so where there is an error; yields it. */
int operator_complain(int error, const char *what);

/* On whose behalf: the user of the machine. */
#define OPERATOR_ID_BYTES 32
void operator_actor(char id_room[OPERATOR_ID_BYTES], Quanyu__Actor *ret_actor);

/* Asks audit on behalf of the user of the machine; the reply is in the operator's arena. Says what is wrong: false then. */
bool operator_ask_audit(
    struct operator* operator, const Quanyu__AuditRequest * request, Quanyu__AuditReply **ret_reply);

#endif
