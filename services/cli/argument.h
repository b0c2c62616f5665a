/* SPDX-License-Identifier: Apache-2.0 */
/* What commands that send JSON share. */
#ifndef QY_CLI_ARGUMENT_H
#define QY_CLI_ARGUMENT_H

/* JSON, or "@FILE" that holds it; freed with free(). NULL, said, where the file does not. */
char *json_argument(const char *argument);

#endif
