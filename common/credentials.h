/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's first start leaves for those who may use it: <bootstrap>/<service>.json, mode 0600. */
#ifndef QY_COMMON_CREDENTIALS_H
#define QY_COMMON_CREDENTIALS_H

#include "common/buffer.h"
#include "common/config.h"

/* False where the setting `bootstrap` is "none": then nobody is let in at first, and credentials come from
 * elsewhere. */
bool credentials_wanted(const struct config *config);

/* Writes the file whole or not at all, never readable by others in between, durable when it returns 0. */
int credentials_write(const struct config *config, const char *service, const struct buffer *json);

/* The base URL by which clients reach the service's HTTP port: its public_url, or made of address and port.
 */
void credentials_url(const struct config *config, const char *service, char url[300]);

#endif
