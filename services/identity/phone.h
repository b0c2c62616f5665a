/* SPDX-License-Identifier: Apache-2.0 */
/* Phone numbers in E.164, by libphonenumber, with a short way for the Chinese mobile numbers that make up
 * most input.
 *
 * The short way takes only prefixes whose every number the library calls valid, so both ways agree; a test
 * walks them. Stateless: any thread. */
#ifndef QY_IDENTITY_PHONE_H
#define QY_IDENTITY_PHONE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHONE_BYTES 20

struct phone {
    char e164[PHONE_BYTES];     /* "+8613800138000" */
    char national[PHONE_BYTES]; /* significant digits without the trunk prefix: "13800138000" */
};

/* Whether the library knows the region ("CN", two capital letters). */
bool phone_region_known(const char *region);

/* `region`: where a number without a country code belongs. False when the text is no valid number. */
bool phone_normalise(const char *text, size_t size, const char *region, struct phone *ret_phone);

/* The same by the library alone. */
bool phone_normalise_by_library(const char *text, size_t size, const char *region, struct phone *ret_phone);

#ifdef __cplusplus
}
#endif
#endif
