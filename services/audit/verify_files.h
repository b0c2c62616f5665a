/* SPDX-License-Identifier: Apache-2.0 */
/* A log as its files hold it: a copy of the audit service's directory, or the directory while the service is stopped. */
#ifndef QY_AUDIT_VERIFY_FILES_H
#define QY_AUDIT_VERIFY_FILES_H

#include "services/audit/audit_store.h"
#include "services/audit/verify.h"

struct verify_files;
/* -QY_ENOTFOUND: there is no log in the directory. -QY_ECONFLICT: the service runs on it. -QY_EVERSION: of another version. */
int verify_files_open(const char *directory, struct verify_files **ret_files);
void verify_files_close(struct verify_files **files);
/* What it reads; ends with it. */
struct store_txn *verify_files_txn(const struct verify_files *files);
/* Says where the log is read from, its size, notes, keys and witnesses; all live as long as `files`. -QY_ECORRUPT: a row of those cannot be
 * read. */
int verify_files_describe(struct verify_files *files, struct verify_options *options);

#endif
