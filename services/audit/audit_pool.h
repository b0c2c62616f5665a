/* SPDX-License-Identifier: Apache-2.0 */
/* Questions that read much of the log are answered by threads of their own, so that proofs, tiles and others' questions need not wait for
 * one of them. */
#ifndef QY_AUDIT_POOL_H
#define QY_AUDIT_POOL_H

#include "common/router.h"

struct audit_pool;
/* Answers the request, on a thread of the pool. */
typedef void audit_pool_run_fn(void *self, struct http_request *request, const struct route_match *match);

/* `threads`: 1 or more. */
int audit_pool_open(unsigned threads, audit_pool_run_fn *run, void *self, struct audit_pool **ret_pool);
/* Takes the request over, and a copy of the match. -QY_EFULL: more wait already than will be answered soon; -QY_ESTOPPED, -QY_ENOMEM: the
 * request is still the caller's. */
int audit_pool_take(struct audit_pool *pool, struct http_request *request, const struct route_match *match);
/* Lets those end that run, and answers those that wait with 503. */
void audit_pool_close(struct audit_pool **pool);

#endif
