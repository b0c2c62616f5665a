/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu audit backup`: a copy of the log, on its own machine, while the service runs. */
#include "services/audit/audit_backup.h"
#include "common/config.h"
#include "common/error.h"
#include "common/json.h"
#include "common/store.h"
#include "services/cli/audit_proof.h"
#include "services/cli/command.h"
#include "services/cli/log_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define NICENESS 10
#define IO_PROCESS 1 /* ioprio_set(2) has no names in the C library */
#define IO_IDLE (3 << 13)

struct asked {
    const char *to, *files, *url, *token;
    bool with_key;
};

/* Whoever waits for the service does not wait for this. */
static void step_back(void)
{
    if (nice(NICENESS) == -1 || syscall(SYS_ioprio_set, IO_PROCESS, 0, IO_IDLE))
        return; /* then it goes as fast as it goes */
}

/* <data>/audit of this machine's settings. */
static int find_files(char path[PATH_BYTES])
{
    char error[256];
    struct config *config;
    if (config_open(NULL, &config, error)) {
        fprintf(stderr, "quanyu: %s\n", error);
        return -1;
    }
    snprintf(path, PATH_BYTES, "%s/audit", config_text(config, "data"));
    config_close(&config);
    return 0;
}

static void say_refusal(long status, const struct buffer *answer)
{
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    const char *detail = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "detail"));
    fprintf(stderr, "quanyu: the copy cannot be put on record, so none is taken: the log answers %ld: %s\n",
        status, detail ? detail : "");
    yyjson_doc_free(doc);
}

/* From where it stands, nobody else would know where that is. */
static void name_place(const char *to, char place[2 * PATH_BYTES])
{
    char here[PATH_BYTES];
    bool relative = *to != '/' && getcwd(here, sizeof(here));
    snprintf(place, 2 * PATH_BYTES, "%s%s%s", relative ? here : "", relative ? "/" : "", to);
}

/* An auditor wants to know that there is a copy: the running service puts it on record before there is. */
static int put_on_record(const struct asked *asked)
{
    struct log_client client;
    _cleanup_(buffer_free) struct buffer body = BUFFER_INIT;
    _cleanup_(buffer_free) struct buffer answer = BUFFER_INIT;
    char error[LOG_ERROR_BYTES] = "";
    char place[2 * PATH_BYTES];
    struct json json = json_to(&body);
    if (log_client_open(&client, asked->url, asked->token))
        return -1;
    name_place(asked->to, place);
    json_open(&json, '{');
    json_field_text(&json, "to", place);
    json_field_bool(&json, "with_key", asked->with_key);
    json_close(&json, '}');
    long status = buffer_error(&body) ? -1
                                      : log_client_post(&client, "v1/backups",
                                            (struct bytes){body.data, body.size}, &answer, error);
    if (status < 0)
        fprintf(stderr, "quanyu: %s\n", error);
    else if (status != 204)
        say_refusal(status, &answer);
    log_client_close(&client);
    return status == 204 ? 0 : -1;
}

static void say_problem(void *self, const char *text)
{
    (void)self;
    printf("%s\n", text);
}

static const char *explain(int error)
{
    switch (error) {
    case -QY_EEXISTS:
        return "is there already: a backup gets a new place each time";
    case -QY_ENOTFOUND:
        return "is not there";
    case -QY_EINVAL:
        return "is a symbolic link: a backup is written where it is said to be";
    case -QY_ECONFLICT:
        return "another backup is being made there";
    case -QY_EFULL:
        return "there is no room for it (on the disk of the service some is left for that); nothing was left "
               "of "
               "the attempt";
    case -QY_EUNAVAILABLE:
        return "files changed all the time while they were copied: try again";
    default:
        return error_text(error);
    }
}

static int take(const struct asked *asked, const char *files)
{
    struct backup_result result;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const struct backup_options options = {.from = files,
        .to = asked->to,
        .with_key = asked->with_key,
        .threads = processors > 1 ? (unsigned)processors / 2 : 1,
        .problem = say_problem};
    step_back();
    int error = backup_take(&options, &result);
    if (error)
        fprintf(stderr, "quanyu: no backup was made: %s: %s\n", *result.failed ? result.failed : asked->to,
            explain(error));
    else if (result.problems > 0)
        fprintf(stderr,
            "quanyu: no backup was made: the log here is not what was put on record (%" PRIu64
            " problems, above); earlier backups are as they were\n",
            result.problems);
    else
        printf("%" PRIu64 " records, %" PRIu64 " of them signed, checked: %" PRIu64 " bytes in %s, %" PRIu64
               " of them new\n",
            result.size, result.signed_size, result.bytes, asked->to, result.copied);
    return error || result.problems > 0 ? 1 : 0;
}

int audit_backup(int argc, char **argv)
{
    struct asked asked = {.to = NULL};
    char files[PATH_BYTES], state[PATH_BYTES + 8];
    const struct log_option options[] = {{.name = "--files", .value = &asked.files},
        {.name = "--url", .value = &asked.url}, {.name = "--token-file", .value = &asked.token},
        {.name = "--with-key", .flag = &asked.with_key}};
    if (!log_options("audit", argc, argv, options, COUNT_OF(options), &asked.to, 1))
        return 2;
    if (!asked.to || !*asked.to)
        return command_usage("audit");
    if (asked.files)
        snprintf(files, sizeof(files), "%s", asked.files);
    else if (find_files(files))
        return 1;
    snprintf(state, sizeof(state), "%s/state", files);
    if (!store_is_written(state))
        fprintf(stderr, "quanyu: the service does not run: this copy is not on record\n");
    else if (put_on_record(&asked))
        return 1;
    return take(&asked, files);
}
