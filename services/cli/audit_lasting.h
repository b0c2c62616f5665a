/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `quanyu audit` that say how long records are kept. */
#ifndef QY_CLI_AUDIT_LASTING_H
#define QY_CLI_AUDIT_LASTING_H

#include <stdbool.h>

/* True where argv[1] names one of them: it has run, with this exit status. */
bool audit_lasting_run(int argc, char **argv, int *ret_status);

#endif
