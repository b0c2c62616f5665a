/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of `quanyu audit` by which the log is proven and copied. argv[0] is the part's name. */
#ifndef QY_CLI_AUDIT_PROOF_H
#define QY_CLI_AUDIT_PROOF_H

#include <stdbool.h>

/* True where argv[1] names one of them: it has run, with this exit status. */
bool audit_proof_run(int argc, char **argv, int *ret_status);

int audit_witness(int argc, char **argv);        /* audit_witness.c */
int audit_verify(int argc, char **argv);         /* audit_verify.c */
int audit_verify_receipt(int argc, char **argv); /* audit_receipt.c */

int audit_mirror(int argc, char **argv);  /* audit_mirror.c */
int audit_restore(int argc, char **argv); /* audit_restore.c */
int audit_backup(int argc, char **argv);  /* audit_backup.c */

#endif
