/* SPDX-License-Identifier: Apache-2.0 */
/* What a log is put back from: a backup or a warm copy, open to be read, and found to be what it says. */
#ifndef QY_AUDIT_RESTORE_SOURCE_H
#define QY_AUDIT_RESTORE_SOURCE_H

#include "services/audit/audit_restore.h"
#include "services/audit/backup_manifest.h"
#include "services/audit/verify_files.h"

struct restore_source {
    const char *directory;
    struct manifest *manifest; /* NULL: it is a warm copy */
    struct verify_files *files;
    struct verify_options log; /* what the log says of itself */
    uint64_t size;
    uint64_t signed_size;
    char origin[NOTE_NAME_BYTES];
};

/* Opens and checks it; problems are told, and counted in `result`. Errors as restore_put_back(). */
int restore_source_open(const struct restore_options *options, const char *directory,
    struct restore_result *result, struct restore_source *ret_source);
void restore_source_close(struct restore_source *source); /* for _cleanup_ */

/* Calls back for each file of it, below its directory, with the content that it must have where that is known; ends at the first error. */
int restore_source_each_file(const struct restore_source *source,
    int (*visit)(void *context, const char *name, const struct file_content *content), void *context);

/* The root of its first records. */
int restore_source_root(const struct restore_source *source, uint64_t size, struct merkle_hash *ret_root);

#endif
