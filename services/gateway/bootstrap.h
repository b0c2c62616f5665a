/* SPDX-License-Identifier: Apache-2.0 */
/* The first start: a write key and a token of the first admin, so that there is somebody who may ask. */
#ifndef QY_GATEWAY_BOOTSTRAP_H
#define QY_GATEWAY_BOOTSTRAP_H

#include "common/service.h"
#include "services/gateway/staff_vault.h"

/* Where there is no staff yet, makes both and writes them to <bootstrap>/gateway.json (mode 0600), which is
 * the one place where they can be read; with the setting bootstrap = none it makes nothing. */
int bootstrap_run(const struct staff_vault *vault, struct batch *batch);

#endif
