/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit restore`: puts the log back from copies, where a service can start on it. */
#include "services/audit/audit_restore.h"
#include "common/error.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/log_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYS_MAX 32u

static void say_problem(void *self, const char *text)
{
    (void)self;
    printf("%s\n", text);
    fflush(stdout);
}

static const char *explain(int error)
{
    switch (error) {
    case -QY_ENOTFOUND:
        return "is neither a whole backup nor a warm copy (or lacks a file)";
    case -QY_EEXISTS:
        return "is not empty: a log is put back where nothing is";
    case -QY_ECONFLICT:
        return "is being written to: end what does first";
    case -QY_EDIVERGED:
        return "is not of the same log, or the log was forked: nothing was put back";
    case -QY_EVERSION:
        return "is of another version: put it back with the programs that made it, then upgrade";
    default:
        return error_text(error);
    }
}

static void sum_up(const struct restore_options *options, const struct restore_result *result)
{
    printf("%" PRIu64 " records in %s, %" PRIu64 " of them signed, checked", result->size, options->to,
        result->signed_size);
    if (options->more)
        printf("; %" PRIu64 " of them from %s", result->more, options->more);
    putchar('\n');
    if (options->as_copy)
        return;
    printf("the log goes on at record %" PRIu64 ", which will say that it was put back\n", result->size);
    if (!result->signs)
        printf(
            "the secret of its key is not there: put its file back into %s/keys, or begin with another key: "
            "quanyu audit rotate-key --lost\n",
            options->to);
}

static int restore(const struct restore_options *options)
{
    struct restore_result result;
    int error = restore_put_back(options, &result);
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", *result.failed ? result.failed : options->to, explain(error));
    else if (result.problems > 0)
        fprintf(stderr,
            "quanyu: nothing was put back: the copy is not what was put on record (%" PRIu64
            " problems, above)\n",
            result.problems);
    else
        sum_up(options, &result);
    return error || result.problems > 0 ? 1 : 0;
}

int audit_restore(int argc, char **argv)
{
    const char *keys[KEYS_MAX];
    struct restore_options options = {.trusted = keys, .problem = say_problem};
    const struct log_option arguments[] = {{.name = "--to", .value = &options.to},
        {.name = "--as-copy", .flag = &options.as_copy}, {.name = "--and", .value = &options.more},
        {.name = "--key", .values = keys, .count = &options.trusted_count, .most = KEYS_MAX}};
    if (!log_options("audit", argc, argv, arguments, COUNT_OF(arguments), &options.from, 1))
        return 2;
    if (!options.from || !options.to)
        return command_usage("audit");
    if (!log_keys_good(keys, options.trusted_count))
        return 2;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options.threads = processors > 0 && processors <= 64 ? (unsigned)processors : 1;
    return restore(&options);
}
