/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup of the log holds, and by which each of its files is known: manifest.json in it, written last. A directory without one is no
 * backup. */
#ifndef QY_AUDIT_BACKUP_MANIFEST_H
#define QY_AUDIT_BACKUP_MANIFEST_H

#include "common/file.h"
#include "services/audit/checkpoint.h"

#define MANIFEST_NAME "manifest.json"

struct manifest_file {
    const char *name; /* below the directory */
    struct file_content content;
};

struct manifest {
    const char *origin; /* of the log */
    int64_t taken_ms;   /* by the clock of the machine */
    uint64_t size;      /* records, and their root */
    struct merkle_hash root;
    const char *checkpoint; /* the newest; "": there is none */
    bool with_key;
    struct manifest_file *files;
    size_t count;
    struct arena *arena; /* holds them */
};

int manifest_open(struct manifest **ret_manifest);
void manifest_close(struct manifest **manifest); /* for _cleanup_ */
/* -QY_ENOMEM. */
int manifest_add(struct manifest *manifest, const char *name, const struct file_content *content);
/* NULL: it does not have this file. */
const struct manifest_file *manifest_find(const struct manifest *manifest, const char *name);

/* Durable when it returns 0. */
int manifest_write(const struct manifest *manifest, const char *directory);
/* -QY_ENOTFOUND: there is none. -QY_ECORRUPT: that is none. -QY_EVERSION: of another version. */
int manifest_read(const char *directory, struct manifest **ret_manifest);
/* Holds each file against it; tells of those that are missing or were altered, and how many. */
int manifest_check(const struct manifest *manifest, const char *directory,
    void (*problem)(void *self, const char *text), void *self, uint64_t *ret_problems);

#endif
