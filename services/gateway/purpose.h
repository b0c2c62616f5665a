/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a stated purpose or reason says anything: an auditor must be able to tell why a personal field was looked at, or why
 * somebody decided as he did. */
#ifndef QY_GATEWAY_PURPOSE_H
#define QY_GATEWAY_PURPOSE_H

#define PURPOSE_CHARACTERS_MIN 10
#define PURPOSE_CHARACTERS_MAX 500

/* What is wrong with it, for "purpose …"; NULL where nothing is. The text is UTF-8. */
const char *purpose_problem(const char *text);

#define REASON_CHARACTERS_MIN 3
/* The same of a reason, for "reason …": it is shorter, and holds no phone number or email address. */
const char *reason_problem(const char *text);

#endif
