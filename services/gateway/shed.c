/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/shed.h"

#include <sodium.h>

#define RETRY_LEAST 1u
#define RETRY_MOST 3u

bool shed_is_due(const struct service_load *load, const struct shed_limits *limits)
{
    return load->bytes > limits->bytes || (limits->seconds > 0 && load->oldest_seconds > limits->seconds);
}

unsigned shed_retry_after(void)
{
    return RETRY_LEAST + randombytes_uniform(RETRY_MOST - RETRY_LEAST + 1);
}
