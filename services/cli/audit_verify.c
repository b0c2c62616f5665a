/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit verify`: the whole log, from its public interface or from a copy of its files. */
#include "common/directory.h"
#include "common/error.h"
#include "common/metrics.h"
#include "services/audit/verify_files.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/log_client.h"
#include "services/cli/verify_http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYS_MAX 32u
#define SEEN_BYTES_MAX 65536u

struct run {
    double begun;
    bool shows; /* standard error is a terminal: progress overwrites itself */
};

static void say_problem(void *self, const char *text)
{
    const struct run *run = self;
    if (run->shows)
        fputs("\r\033[K", stderr);
    printf("%s\n", text);
    fflush(stdout);
}

static void say_progress(void *self, uint64_t records, uint64_t size)
{
    const struct run *run = self;
    double seconds = metrics_clock() - run->begun;
    fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " records, %.0f/s%s", run->shows ? "\r" : "", records, size,
        (double)records / (seconds > 0 ? seconds : 1), run->shows ? "\033[K" : "\n");
}

/* What could not be read to its end is not well, whatever was found until then. */
static int sum_up(const struct run *run, const struct verify_options *options,
    const struct verify_result *result, int error)
{
    double seconds = metrics_clock() - run->begun;
    fprintf(stderr,
        "%s%" PRIu64 " records in %.1f s (%.0f/s), %" PRIu64 " of them signed, %" PRIu64 " indexes\n",
        run->shows ? "\r\033[K" : "", result->size, seconds,
        (double)result->size / (seconds > 0 ? seconds : 1), result->signed_size, result->indexes);
    if (result->prunings > 0)
        fprintf(stderr,
            "%" PRIu64 " records were pruned, as %" PRIu64 " records on the log say; %" PRIu64
            " more are about to be\n",
            result->pruned, result->prunings, result->unfinished);
    if (options->trusted_count == 0)
        fprintf(
            stderr, "checked against the keys that the log itself names; --key names one that you know\n");
    if (result->problems > 0)
        printf("%" PRIu64 " problem%s: the log is not what was put on record\n", result->problems,
            result->problems == 1 ? "" : "s");
    else if (!error)
        printf("all is well\n");
    if (error)
        fprintf(stderr, "quanyu: the log could not be read to its end: %s\n", error_text(error));
    return error || result->problems > 0 ? 1 : 0;
}

static int verify(struct verify_options *options)
{
    struct run run = {.begun = metrics_clock(), .shows = isatty(STDERR_FILENO)};
    struct verify_result result;
    options->self = &run;
    options->problem = say_problem;
    options->progress = say_progress;
    int error = verify_log(options, &result);
    return sum_up(&run, options, &result, error);
}

/* -- what was seen the last time -- */

static int read_seen(const char *path, struct buffer *seen)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return errno == ENOENT ? 0 : error_from_errno(errno);
    uint8_t *room = buffer_reserve(seen, SEEN_BYTES_MAX + 1);
    if (room)
        seen->size = fread(room, 1, SEEN_BYTES_MAX + 1, file);
    int error = ferror(file) ? -QY_EIO : seen->size > SEEN_BYTES_MAX ? -QY_ETOOLARGE : buffer_error(seen);
    (void)fclose(file);
    return error;
}

/* Where all is well, the next run is held against what this one saw. `path` NULL: against nothing. */
static int verify_from(const char *path, struct verify_options *options)
{
    _cleanup_(buffer_free) struct buffer seen = BUFFER_INIT;
    int error = path ? read_seen(path, &seen) : 0;
    if (error) {
        fprintf(stderr, "quanyu: %s cannot be read: %s\n", path, error_text(error));
        return 1;
    }
    options->seen = (struct bytes){seen.data, seen.size};
    int status = verify(options);
    if (path && status == 0 && options->newest.size > 0)
        error = directory_replace_file(path, options->newest.data, options->newest.size);
    if (error)
        fprintf(stderr, "quanyu: the checkpoint cannot be kept in %s: %s\n", path, error_text(error));
    return error ? 1 : status;
}

/* -- where it is read from -- */

static int verify_copy(const char *directory, const char *seen, struct verify_options *options)
{
    struct verify_files *files = NULL;
    int error = verify_files_open(directory, &files);
    if (!error)
        error = verify_files_describe(files, options);
    if (error)
        fprintf(stderr, "quanyu: %s: %s\n", directory,
            error == -QY_ECONFLICT
                ? "it is being written (the audit service, or a warm copy): verify a copy, or by --url"
            : error == -QY_ENOTFOUND ? "holds no log: it must be a copy of <data>/audit"
                                     : error_text(error));
    int status = error ? 1 : verify_from(seen, options);
    verify_files_close(&files);
    return status;
}

static int verify_url(const char *url, const char *token, const char *seen, struct verify_options *options)
{
    struct verify_http *http = NULL;
    int status = verify_http_open(url, token, &http, options) ? 1 : verify_from(seen, options);
    verify_http_close(&http);
    return status;
}

int audit_verify(int argc, char **argv)
{
    const char *files = NULL, *url = NULL, *token = NULL, *threads = NULL, *seen = NULL, *keys[KEYS_MAX];
    struct verify_options options = {.trusted = keys};
    const struct log_option arguments[] = {{.name = "--files", .value = &files},
        {.name = "--url", .value = &url}, {.name = "--token-file", .value = &token},
        {.name = "--threads", .value = &threads}, {.name = "--seen", .value = &seen},
        {.name = "--without-indexes", .flag = &options.without_indexes},
        {.name = "--key", .values = keys, .count = &options.trusted_count, .most = KEYS_MAX}};
    if (!log_options("audit", argc, argv, arguments, COUNT_OF(arguments), NULL, 0))
        return 2;
    long processors = threads ? strtol(threads, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    options.threads = processors > 0 && processors <= 64 ? (unsigned)processors : 1;
    if (!log_keys_good(keys, options.trusted_count))
        return 2;
    if (files && url)
        return command_usage("audit");
    return files ? verify_copy(files, seen, &options) : verify_url(url, token, seen, &options);
}
