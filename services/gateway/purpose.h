/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a stated purpose says anything: an auditor must be able to tell why a personal field was looked at. */
#ifndef QY_GATEWAY_PURPOSE_H
#define QY_GATEWAY_PURPOSE_H

#define PURPOSE_CHARACTERS_MIN 10
#define PURPOSE_CHARACTERS_MAX 500

/* What is wrong with it, for "purpose …"; NULL where nothing is. The text is UTF-8. */
const char *purpose_problem(const char *text);

#endif
