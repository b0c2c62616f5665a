/* SPDX-License-Identifier: Apache-2.0 */
/* `quanyu import`: a file's lines, by a mapping, become events that are history.
 *
 * An event's message id is made of the import (a hash of the file and of what decides in the mapping) and the
 * number of its first line, and the gateway takes each of them once for good: an import that was interrupted is
 * run again, and counts nothing twice. Another content or another mapping is another import, whose lines count
 * anew: where it looks like the same file the gateway is asked first, and refuses. */
#include "services/cli/command.h"
#include "services/cli/import_groups.h"
#include "services/cli/import_send.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SKIP_REASONS_MAX 32
#define BEGINNING_LINES 2
#define BEGINNING_BYTES (1 << 20)
#define STATUS_LINES_LEFT 3 /* of the process: imported, but for lines that are in the report */

struct skipped {
    const char *reason;
    uint64_t lines;
};

struct import {
    const char *path, *map_path;
    char report_path[512];
    FILE *file, *report;
    uint64_t file_bytes;
    char id[33], beginning[33];
    bool as_new;
    struct mapping mapping;
    struct csv csv;
    struct groups groups;
    struct client client;
    struct import_sender sender;
    struct skipped skipped[SKIP_REASONS_MAX];
    uint64_t lines, bad, sent;
    double started, shown;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int complain(const char *what, const char *reason)
{
    fprintf(stderr, "quanyu: %s: %s\n", what, reason);
    return -1;
}

/* -- progress -- */

static void show_progress(
    struct import *import, const char *doing, uint64_t done, uint64_t all, uint64_t counted)
{
    double time = now();
    if (!isatty(STDERR_FILENO) || time - import->shown < 0.1)
        return;
    import->shown = time;
    double part = all ? (double)done / (double)all : 1, spent = time - import->started;
    char bar[31];
    for (int i = 0; i < 30; i++)
        bar[i] = i < part * 30 ? '#' : '.';
    bar[30] = 0;
    unsigned left = part > 0 ? (unsigned)(spent / part - spent) : 0;
    fprintf(stderr, "\r%s [%s] %3.0f %%  %" PRIu64 "  %.0f/s  %u:%02u left   ", doing, bar, part * 100,
        counted, spent > 0 ? (double)counted / spent : 0, left / 60, left % 60);
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%79s\r", "");
}

/* -- reading -- */

/* The whole file, which then stands at its beginning again. False: it cannot be read. */
static bool hash_file(crypto_generichash_state *state, FILE *file)
{
    uint8_t block[65536];
    size_t size;
    do {
        size = fread(block, 1, sizeof(block), file);
        crypto_generichash_update(state, block, size);
    } while (size == sizeof(block));
    return !ferror(file) && fseek(file, 0, SEEK_SET) == 0;
}

static void end_hash(crypto_generichash_state *state, char ret_text[33])
{
    uint8_t hash[16];
    crypto_generichash_final(state, hash, sizeof(hash));
    sodium_bin2hex(ret_text, 33, hash, sizeof(hash));
}

/* The first lines, whatever ends them: the same where more was added behind. */
static bool hash_beginning(FILE *file, char ret_text[33])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 16);
    int c, lines = 0;
    for (size_t size = 0; size < BEGINNING_BYTES && lines < BEGINNING_LINES; size++) {
        c = getc_unlocked(file);
        if (c == EOF)
            break;
        uint8_t byte = (uint8_t)c;
        lines += c == '\n';
        if (c != '\n' && c != '\r')
            crypto_generichash_update(&state, &byte, 1);
    }
    end_hash(&state, ret_text);
    return !ferror(file) && fseek(file, 0, SEEK_SET) == 0;
}

static int identify(struct import *import)
{
    crypto_generichash_state state;
    _cleanup_(buffer_free) struct buffer essence = BUFFER_INIT;
    mapping_essence(&import->mapping, &essence);
    if (buffer_error(&essence))
        return complain(import->map_path, "out of memory");
    crypto_generichash_init(&state, NULL, 0, 16);
    crypto_generichash_update(&state, essence.data, essence.size);
    if (!hash_file(&state, import->file) || !hash_beginning(import->file, import->beginning))
        return complain(import->path, "cannot be read");
    end_hash(&state, import->id);
    return 0;
}

static const char *name_of(const struct import *import)
{
    const char *slash = strrchr(import->path, '/');
    return slash ? slash + 1 : import->path;
}

static int declare(struct import *import)
{
    struct import_file file = {
        .id = import->id,
        .name = name_of(import),
        .beginning = import->beginning,
        .as_new = import->as_new,
    };
    return import_sender_declare(&import->sender, &file);
}

static void count_skipped(struct import *import, const char *reason)
{
    for (size_t i = 0; i < SKIP_REASONS_MAX; i++) {
        struct skipped *skipped = &import->skipped[i];
        if (!skipped->reason)
            skipped->reason = reason;
        if (strcmp(skipped->reason, reason) == 0) {
            skipped->lines++;
            return;
        }
    }
}

static void report_bad(struct import *import, uint64_t line, const char *reason)
{
    import->bad++;
    import_report(import->report, line, reason);
}

/* A group with a bad line is not taken at all: an order that lacks a line would be another order. */
static void report_group(
    struct import *import, const struct line *lines, size_t count, uint64_t bad_line, const char *reason)
{
    char because[80];
    snprintf(because, sizeof(because), "left out together with line %" PRIu64, bad_line);
    for (size_t i = 0; i < count; i++)
        report_bad(import, lines[i].number, lines[i].number == bad_line ? reason : because);
}

static int send_event(struct import *import, const struct line *lines, size_t count)
{
    char message_id[64], error[300] = "";
    uint64_t bad_line;
    _cleanup_(buffer_free) struct buffer event = BUFFER_INIT;
    snprintf(message_id, sizeof(message_id), "%s:%" PRIu64, import->id, lines[0].number);
    if (!mapping_event(&import->mapping, lines, count, message_id, &event, &bad_line, error)) {
        report_group(import, lines, count, bad_line, error);
        return 0;
    }
    import->sent++;
    return import_sender_add(&import->sender, &event, lines[0].number);
}

/* Lines that are not grouped go at once: a file of any size passes through. */
static int keep_line(struct import *import, const struct line *line)
{
    _cleanup_(buffer_free) struct buffer key = BUFFER_INIT;
    if (!mapping_group(&import->mapping, line, &key))
        return send_event(import, line, 1);
    if (buffer_error(&key) || groups_add(&import->groups, line, import->mapping.name_count, &key))
        return complain(import->path, "out of memory");
    return 0;
}

static int take_line(struct import *import)
{
    char *fields[CSV_COLUMNS_MAX], error[300] = "";
    struct line line = {.number = import->csv.line, .fields = fields};
    size_t columns = import->mapping.name_count;
    if (import->csv.error || import->csv.count != columns) {
        snprintf(error, sizeof(error), "%zu columns where there must be %zu", import->csv.count, columns);
        report_bad(import, line.number, import->csv.error ? import->csv.error : error);
        return 0;
    }
    for (size_t i = 0; i < columns; i++)
        fields[i] = (char *)(uintptr_t)csv_field(&import->csv, i);
    const char *reason = mapping_skips(&import->mapping, &line, error);
    if (error[0])
        report_bad(import, line.number, error);
    else if (reason)
        count_skipped(import, reason);
    if (error[0] || reason)
        return 0;
    return keep_line(import, &line);
}

static int read_columns(struct import *import)
{
    char error[300];
    bool header = import->mapping.header;
    if (header && !csv_next(&import->csv))
        return complain(import->path, "the file is empty");
    if (header && import->csv.error)
        return complain(import->path, import->csv.error);
    if (mapping_set_columns(&import->mapping, header ? &import->csv : NULL, error))
        return complain(import->map_path, error);
    return 0;
}

static int read_lines(struct import *import)
{
    import->started = now();
    while (csv_next(&import->csv)) {
        import->lines++;
        if (take_line(import))
            return -1;
        show_progress(import, import->mapping.group_by ? "reading" : "importing", import->csv.bytes_read,
            import->file_bytes, import->lines);
    }
    return ferror(import->file) ? complain(import->path, "cannot be read to its end") : 0;
}

/* -- sending -- */

static int send_groups(struct import *import)
{
    for (size_t i = 0; i < import->groups.count; i++) {
        if (send_event(import, import->groups.all[i].lines, import->groups.all[i].count))
            return -1;
        show_progress(import, "sending", i, import->groups.count, import->sent);
    }
    return import_sender_flush(&import->sender);
}

/* Not before it is clear that lines will be read: the report of the last import is worth something until then. */
static int open_report(struct import *import)
{
    if (!import->report_path[0])
        snprintf(import->report_path, sizeof(import->report_path), "%.400s.report.csv", name_of(import));
    import->report = fopen(import->report_path, "w");
    if (!import->report)
        return complain(import->report_path, "cannot be written");
    fputs("line,reason\n", import->report);
    import->sender.report = import->report;
    return 0;
}

static int run(struct import *import)
{
    if (read_columns(import) || declare(import) || open_report(import) || read_lines(import))
        return -1;
    return send_groups(import);
}

/* -- the command -- */

static int parse_arguments(struct import *import, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--map") == 0 && i + 1 < argc)
            import->map_path = argv[++i];
        else if (strcmp(argv[i], "--report") == 0 && i + 1 < argc)
            snprintf(import->report_path, sizeof(import->report_path), "%s", argv[++i]);
        else if (strcmp(argv[i], "--as-new") == 0)
            import->as_new = true;
        else if (argv[i][0] != '-' && !import->path)
            import->path = argv[i];
        else
            return command_unknown(argv[0], argv[i]);
    }
    return import->path && import->map_path ? 0 : command_usage(argv[0]);
}

static int open_files(struct import *import)
{
    char error[300];
    import->file = fopen(import->path, "rb");
    if (!import->file || fseek(import->file, 0, SEEK_END) != 0)
        return complain(import->path, "cannot be read");
    import->file_bytes = (uint64_t)ftell(import->file);
    if (fseek(import->file, 0, SEEK_SET) != 0)
        return complain(import->path, "cannot be read");
    if (mapping_open(import->map_path, &import->mapping, error))
        return complain(import->map_path, error);
    csv_open(&import->csv, import->file, import->mapping.separator, import->mapping.encoding);
    if (identify(import) || groups_open(&import->groups))
        return -1;
    return 0;
}

static void close_files(struct import *import)
{
    import_sender_close(&import->sender);
    client_close(&import->client);
    groups_close(&import->groups);
    csv_close(&import->csv);
    mapping_close(&import->mapping);
    if (import->report)
        (void)fclose(import->report);
    if (import->file)
        (void)fclose(import->file);
}

static void print_summary(const struct import *import)
{
    end_progress();
    printf("%" PRIu64 " lines, %" PRIu64 " events: %" PRIu64 " new, %" PRIu64 " there already\n",
        import->lines, import->sent, import->sender.accepted, import->sender.duplicates);
    for (size_t i = 0; i < SKIP_REASONS_MAX && import->skipped[i].reason; i++)
        printf("%" PRIu64 " lines left out: %s\n", import->skipped[i].lines, import->skipped[i].reason);
    if (import->bad)
        printf("%" PRIu64 " lines were not taken; see %s\n", import->bad, import->report_path);
    if (import->sender.refused)
        printf("%" PRIu64 " events were refused by the gateway; see %s\n", import->sender.refused,
            import->report_path);
    printf("position %" PRIu64 "\n", import->sender.position);
}

int command_import(int argc, char **argv)
{
    static struct import import;
    int wrong = parse_arguments(&import, argc, argv);
    if (wrong)
        return wrong;
    int error = open_files(&import);
    if (!error)
        error = client_open(&import.client);
    if (!error) {
        import_sender_open(&import.sender, &import.client);
        error = run(&import);
    }
    if (!error)
        print_summary(&import);
    bool lines_left = import.bad > 0 || import.sender.refused > 0;
    close_files(&import);
    return error ? 1 : lines_left ? STATUS_LINES_LEFT : 0;
}
