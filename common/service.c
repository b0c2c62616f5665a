/* SPDX-License-Identifier: Apache-2.0 */
#include "common/service_internal.h"

#include "common/clock.h"
#include "common/directory.h"
#include "common/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FEED_CREDIT_BYTES ((size_t)4 * 1024 * 1024)
#define AHEAD_BYTES ((size_t)16 * 1024 * 1024)
#define READER_THREADS 2

static const char *const service_names[] = {"gateway", "identity", "tagging", "campaign", "audit", NULL};
static const char *const allowed_names[] = {
    "gateway", "identity", "tagging", "campaign", "audit", "cli", NULL};

_Noreturn void service_fail(int code, const char *reason)
{
    log_line(LOG_ERROR, "the service must end", "error=%s reason=\"%s\"", error_name(code), reason);
    _exit(3);
}

/* -- settings -- */

static int64_t service_setting(const struct service *service, const char *name, const char *what)
{
    char setting[64];
    snprintf(setting, sizeof(setting), "%s.%s", name, what);
    return config_number(service->config, setting);
}

static void endpoint_of(const struct service *service, const char *name, bool own, int add, char out[300])
{
    char setting[64];
    snprintf(setting, sizeof(setting), "%s.host", name);
    const char *host = own ? config_text(service->config, "bind") : config_text(service->config, setting);
    snprintf(out, 300, "tcp://%s:%d", host, (int)service_setting(service, name, "rpc_port") + add);
}

static int prepare_paths(struct service *service)
{
    const char *data = config_text(service->config, "data");
    const char *name = service->spec->name;
    int length = snprintf(service->data_path, sizeof(service->data_path), "%s/%s", data, name);
    if (length < 0 || (size_t)length >= sizeof(service->data_path))
        return service_refuse_start(
            service, -QY_EINVAL, "setting data: the path is too long, %d bytes", length);
    snprintf(service->journal_path, sizeof(service->journal_path), "%s/journal", service->data_path);
    snprintf(service->state_path, sizeof(service->state_path), "%s/state", service->data_path);
    int error = directory_make(service->data_path);
    return error ? refuse_directory(service, error, service->data_path, "data") : 0;
}

/* -- opening, part by part -- */

static int open_state(struct service *service)
{
    const struct service_spec *spec = service->spec;
    for (unsigned i = 0; i < spec->table_count; i++)
        service->tables[i] = spec->tables[i];
    service->runtime_table = spec->table_count;
    service->tables[spec->table_count] = "runtime";
    struct store_options options = {
        .path = service->state_path,
        .tables = service->tables,
        .table_count = spec->table_count + 1,
        .map_bytes = (uint64_t)service_setting(service, spec->name, "map_size"),
        .quota_bytes = (uint64_t)service_setting(service, spec->name, "quota"),
        .schema_version = spec->schema_version,
        .migrations = spec->migrations,
        .migration_count = spec->migration_count,
    };
    int error = store_open(&options, &service->store);
    if (!error)
        error = writer_open(service);
    return error ? refuse_state(service, error) : 0;
}

static int open_peers(struct service *service, const char *directory)
{
    char endpoints[COUNT_OF(service_names)][300];
    struct peer peers[COUNT_OF(service_names)];
    size_t count = 0;
    for (; service_names[count]; count++) {
        endpoint_of(service, service_names[count], false, 0, endpoints[count]);
        peers[count] = (struct peer){.name = service_names[count], .endpoint = endpoints[count]};
    }
    int error = peers_open(&service->keys, directory, peers, count, &service->peers);
    return error ? refuse_keys(service, error, directory, "the other services") : 0;
}

static int open_keys(struct service *service)
{
    const char *directory = config_text(service->config, "keys");
    int error = directory_make(directory);
    if (error)
        return refuse_directory(service, error, directory, "keys");
    error = keys_make(directory);
    if (!error)
        error = keys_load(directory, service->spec->name, &service->keys);
    if (error)
        return refuse_keys(service, error, directory, service->spec->name);
    error = gatekeeper_open(directory, allowed_names, &service->gatekeeper);
    if (error)
        return refuse_keys(service, error, directory, "the other services");
    return open_peers(service, directory);
}

static int open_rpc(struct service *service)
{
    char endpoint[300];
    endpoint_of(service, service->spec->name, true, 0, endpoint);
    struct rpc_server_options options = {
        .endpoint = endpoint,
        .keys = &service->keys,
        .service = service->spec->rpc,
        .runtime = service_runtime_handlers,
        .self = service->spec->self,
        .context = service,
        .reader_threads = READER_THREADS,
        .begin_read = service_read,
        .submit = service_submit,
        .metrics = service->metrics,
    };
    int error = rpc_server_open(&options, &service->rpc);
    return error ? refuse_listen(service, error, endpoint, false) : 0;
}

static int open_feed(struct service *service)
{
    char endpoint[300];
    endpoint_of(service, service->spec->name, true, 1, endpoint);
    struct feed_options options = {
        .endpoint = endpoint,
        .keys = &service->keys,
        .journal = service->journal,
        .followers = service->spec->followers,
        .metrics = service->metrics,
    };
    int error = feed_open(&options, &service->feed);
    return error ? refuse_listen(service, error, endpoint, true) : 0;
}

static void on_follow_batch(void *self, struct follow_batch *batch)
{
    writer_take_batch(self, batch);
}

/* What an operator reads on /readyz. */
static const char *refusal_text(int code)
{
    switch (code) {
    case -QY_EAHEAD:
        return "its journal ends before what has been followed: an older copy was put in place";
    case -QY_EDIVERGED:
        return "its journal is not the one that has been followed: it has another history";
    case -QY_ETRIMMED:
        return "its journal no longer holds what comes next";
    default:
        return error_text(code);
    }
}

static void on_follow_stopped(void *self, int code, const char *message)
{
    struct input *input = self;
    atomic_store(&input->error, code);
    log_line(LOG_ERROR, "the feed cannot be followed any further", "leader=%s error=%s reason=\"%s\"",
        input->spec->leader, error_name(code), message);
    service_part(input->service, input->spec->leader, refusal_text(code));
}

static int open_input(struct service *service, unsigned index)
{
    struct input *input = &service->inputs[index];
    const char *leader = service->spec->inputs[index].leader;
    char endpoint[300];
    endpoint_of(service, leader, false, 1, endpoint);
    struct follow_options options = {
        .endpoint = endpoint,
        .leader = leader,
        .keys = &service->keys,
        .classes = input->spec->classes | (index == 0 && !input->spec->echoes ? CLASS_BIT(RECORD_TICK) : 0),
        .from_oldest = input->spec->echoes || input->from_oldest,
        .start = input->committed,
        .credit_bytes = FEED_CREDIT_BYTES,
        .ahead_bytes = AHEAD_BYTES,
        .on_batch = on_follow_batch,
        .on_stopped = on_follow_stopped,
        .self = input,
    };
    const char *directory = config_text(service->config, "keys");
    int error = keys_load_public(directory, leader, options.leader_key);
    return error ? refuse_keys(service, error, directory, leader) : follow_open(&options, &input->follow);
}

static int open_operations(struct service *service)
{
    char error[256];
    struct ops_options options = {
        .address = config_text(service->config, "bind"),
        .port = (uint16_t)service_setting(service, service->spec->name, "ops_port"),
        .metrics = service->metrics,
        .ready = service_ready,
        .scrape = service_scrape,
        .self = service,
    };
    int result = ops_open(&options, &service->ops, error);
    return result ? service_refuse_start(
                        service, result, "%s (settings bind, %s.ops_port)", error, service->spec->name)
                  : 0;
}

static void register_metrics(struct service *service)
{
    struct metrics *metrics = service->metrics;
    service->writer_metrics = (struct writer_metrics){
        .commits =
            metrics_series(metrics, METRIC_COUNTER, "quanyu_commits_total", NULL, "Commits of the writer."),
        .commit_seconds = metrics_series(metrics, METRIC_HISTOGRAM, "quanyu_commit_seconds", NULL,
            "From the first record of a batch to its commit."),
        .records = metrics_series(metrics, METRIC_COUNTER, "quanyu_input_records_total", NULL,
            "Records folded from the followed journals."),
        .works =
            metrics_series(metrics, METRIC_COUNTER, "quanyu_commands_total", NULL, "Commands committed."),
        .refused = metrics_series(metrics, METRIC_COUNTER, "quanyu_commands_rolled_back_total", NULL,
            "Commands whose batch could not be committed."),
    };
}

struct stage {
    const char *name;
    int (*open)(struct service *service);
};

static int open_inputs(struct service *service)
{
    int error = 0;
    for (unsigned i = 0; !error && i < service->spec->input_count; i++)
        error = open_input(service, i);
    return error;
}

static int open_own(struct service *service)
{
    return service->spec->start ? service->spec->start(service->spec->self, service) : 0;
}

static const struct stage stages[] = {
    {"paths", prepare_paths},
    {"keys", open_keys},
    {"state", open_state},
    {"feed", open_feed},
    {"writer", writer_start},
    {"inputs", open_inputs},
    {"requests", open_rpc},
    {"operations", open_operations},
    {"service", open_own},
};

static int service_open(struct service *service)
{
    for (unsigned i = 0; i < service->spec->input_count; i++) {
        service->inputs[i].spec = &service->spec->inputs[i];
        service->inputs[i].service = service;
        service->inputs[i].index = i;
    }
    register_metrics(service);
    service_part(service, "start", "not everything is open yet");
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        int error = stages[i].open(service);
        if (error) {
            log_line(LOG_ERROR, "start failed", "part=%s error=%s reason=\"%s\" data=%s", stages[i].name,
                error_name(error), service->refusal[0] ? service->refusal : error_text(error),
                service->data_path);
            return error;
        }
    }
    service_part(service, "start", NULL);
    return 0;
}

/* In order: no new work, then the answers to what is in flight, then the writer's last commit. */
static void service_close(struct service *service, bool opened)
{
    const struct service_spec *spec = service->spec;
    if (opened && spec->stop)
        spec->stop(spec->self, service);
    for (unsigned i = 0; i < spec->input_count; i++)
        if (service->inputs[i].follow)
            follow_stop(service->inputs[i].follow);
    rpc_server_close(&service->rpc);
    writer_stop(service);
    feed_close(&service->feed);
    ops_close(&service->ops);
    for (unsigned i = 0; i < spec->input_count; i++)
        follow_close(&service->inputs[i].follow);
    if (service->store && spec->fold->close)
        spec->fold->close(spec->self);
    peers_close(&service->peers);
    gatekeeper_close(&service->gatekeeper);
    chunk_reader_close(&service->reader);
    journal_close(&service->journal);
    store_close(&service->store);
    metrics_close(&service->metrics);
    config_close(&service->config);
    pthread_mutex_destroy(&service->lock);
    pthread_mutex_destroy(&service->parts_lock);
    pthread_cond_destroy(&service->wake);
}

/* -- main -- */

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

static void print_help(const char *name)
{
    printf("usage: quanyu-%s [--config FILE]\n\nOne of Quanyu's five services. Settings, in quanyu.conf or "
           "as QUANYU_* "
           "environment variables:\n\n",
        name);
    config_print_help();
}

/* -1: go on; else the exit status. */
static int parse_arguments(const struct service_spec *spec, int argc, char **argv, const char **ret_config)
{
    *ret_config = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(spec->name);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("quanyu-%s %s\n", spec->name, QUANYU_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            *ret_config = argv[++i];
            continue;
        }
        fprintf(stderr, "quanyu-%s: unknown argument \"%s\"; see --help\n", spec->name, argv[i]);
        return 2;
    }
    return -1;
}

static int settle(struct service *service, const char *config_path)
{
    char error[256];
    const char *name = service->spec->name;
    if (config_open(config_path, &service->config, error)) {
        fprintf(stderr, "quanyu-%s: %s\n", name, error);
        return 2;
    }
    const struct config *config = service->config;
    log_setup(name, level_of(config_text(config, "log_level")),
        strcmp(config_text(config, "log_format"), "json") == 0);
    if (clock_set_zone(config_text(config, "time_zone"))) {
        fprintf(stderr, "quanyu-%s: setting time_zone: the system does not know \"%s\"\n", name,
            config_text(config, "time_zone"));
        return 2;
    }
    return metrics_open(name, &service->metrics) ? 1 : 0;
}

/* Signals are taken by sigwait() in the main thread alone: every other thread inherits the mask. */
static void block_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    sigaddset(ret_signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Waits by the clock that nobody sets, metrics_clock(). */
static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Returns the signal that says so. A hang-up is no end: it asks to look at files again. */
static int wait_for_end(const struct service *service, const sigset_t *signals)
{
    for (;;) {
        int number;
        sigwait(signals, &number);
        if (number != SIGHUP)
            return number;
        if (service->on_hangup)
            service->on_hangup(service->hangup_self);
        else
            log_line(LOG_INFO, "nothing to be read again", "signal=%d", number);
    }
}

int service_main(const struct service_spec *spec, int argc, char **argv)
{
    static struct service service;
    const char *config_path;
    int status = parse_arguments(spec, argc, argv, &config_path);
    if (status >= 0)
        return status;
    service.spec = spec;
    pthread_mutex_init(&service.lock, NULL);
    pthread_mutex_init(&service.parts_lock, NULL);
    init_wake(&service.wake);
    sigset_t signals;
    block_signals(&signals);
    status = settle(&service, config_path);
    if (status == 0) {
        bool opened = service_open(&service) == 0;
        if (opened) {
            log_line(LOG_INFO, "ready", "version=%s data=%s", QUANYU_VERSION, service.data_path);
            log_line(LOG_INFO, "stopping", "signal=%d", wait_for_end(&service, &signals));
        }
        status = opened ? 0 : 1;
        service_close(&service, opened);
        return status;
    }
    config_close(&service.config);
    return status;
}

/* -- what services ask of the runtime -- */

int service_read(struct service *service, struct store_txn **ret_txn)
{
    return store_begin(service->store, STORE_READ, ret_txn);
}

uint64_t service_version(const struct service *service)
{
    return store_version(service->store);
}

void service_on_hangup(struct service *service, void (*on_hangup)(void *self), void *self)
{
    service->on_hangup = on_hangup;
    service->hangup_self = self;
}

struct journal *service_journal(struct service *service)
{
    return service->journal;
}

const struct config *service_config(const struct service *service)
{
    return service->config;
}

struct metrics *service_metrics(struct service *service)
{
    return service->metrics;
}

const char *service_data_path(const struct service *service)
{
    return service->data_path;
}

struct peers *service_peers(struct service *service)
{
    return service->peers;
}

int64_t service_now_ms(const struct service *service)
{
    return atomic_load(&service->now_ms);
}

uint64_t service_origin(const struct service *service)
{
    return atomic_load(&service->origin);
}

bool service_is_full(const struct service *service)
{
    return atomic_load(&service->full);
}
