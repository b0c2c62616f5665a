/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, and whether that is allowed: at a request's arrival, before it is done, and again before it is answered. */
#ifndef QY_GATEWAY_API_ACCESS_H
#define QY_GATEWAY_API_ACCESS_H

#include "services/gateway/api.h"

/* The cookie of a session, and the header that a page must send with it where it would change something: another site's page
 * cannot. */
#define SESSION_COOKIE "__Host-quanyu_session"
#define SESSION_HEADER "X-Quanyu-Session"

/* HTTP thread. 0, or what was wrong, which then is answered: 401 without a valid secret. Who is known, but may not do it: 0, with what is
 * to be answered in *ret_refused, else 0; the attempt is to be put on record first. */
int api_authorise(struct gateway *gateway, struct http_request *request,
    const struct api_operation *operation, struct access *ret_access, int *ret_refused);
/* Puts it on record, and returns what is to be answered: -QY_ENOTFOUND, as of a path that nobody serves, where role or scope does not
 * allow it; -QY_EDENIED without the header that a session's cookie takes. */
int api_refuse_access(struct api_call *call, int refused);
/* The value of a cookie in a Cookie header, "" where it is not there; false where it does not fit. */
bool api_cookie(const char *header, const char *name, char *value, size_t size);

/* Where anything has changed since, whether the caller still may: 0, -QY_EUNAUTHENTIC, -QY_ENOTFOUND, or -QY_EUNAVAILABLE where
 * it is to be asked again, as another part of the people or units is meant by now. */
int api_check_again(struct api_call *call);
/* The same in the transaction that is to change something, whatever has changed. */
int api_check_in(struct api_call *call, struct store_txn *txn);

#endif
