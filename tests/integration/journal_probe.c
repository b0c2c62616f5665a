/* SPDX-License-Identifier: Apache-2.0 */
/* journal_probe GATEWAY_DATA [FROM]: the events in the gateway's journal, from an offset on, a JSON line each, with
 * all that was stored of them.
 * journal_probe --all SERVICE_DATA: offset and class of each record in a service's journal.
 * It reads beside the running service and changes nothing. */
#include "common/chunk.h"
#include "common/json.h"
#include "common/keys.h"
#include "common/segment_file.h"
#include "proto/gateway.pb-c.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_EVENT 2u

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "journal_probe: %s: %s\n", what, why);
    exit(1);
}

static void print_event(const struct journal_record *record)
{
    Quanyu__RawEvent *event = quanyu__raw_event__unpack(NULL, record->data.size, record->data.data);
    if (!event)
        fail("record", "not an event");
    _cleanup_(buffer_free) struct buffer line = BUFFER_INIT;
    struct json json = json_to(&line);
    json_open(&json, '{');
    json_field_unsigned(&json, "offset", record->offset);
    json_field_text(&json, "type", quanyu__event_type__descriptor.values[event->type].name);
    json_field_text(&json, "message_id", event->message_id);
    json_field_integer(&json, "received_ms", event->received_ms);
    json_field_integer(&json, "event_ms", event->event_ms);
    json_field_unsigned(&json, "source", event->source);
    json_field_bool(&json, "history", event->history);
    json_field_unsigned(&json, "unit", event->unit);
    json_field_unsigned(&json, "staff", event->staff);
    json_name(&json, "body");
    json_raw(&json, event->body.data, event->body.len, "null");
    json_close(&json, '}');
    puts(buffer_c_str(&line));
    quanyu__raw_event__free_unpacked(event, NULL);
}

struct probe {
    uint64_t from;
    bool all;
    bool sealed; /* the gateway's alone */
    uint8_t secret[CHUNK_KEY_BYTES];
};

static void print_record(const struct probe *probe, const struct journal_record *record)
{
    if (probe->all)
        printf("{\"offset\":%" PRIu64 ",\"class\":%u}\n", record->offset, record->record_class);
    else if (record->record_class == CLASS_EVENT && record->offset >= probe->from)
        print_event(record);
}

static void print_chunk(struct chunk_reader *reader, struct bytes wire, const struct probe *probe)
{
    struct chunk_header header;
    if (chunk_header_read(wire, &header))
        fail("chunk", "damaged");
    struct journal_position position = {.next = header.first};
    memcpy(position.chain, header.previous, sizeof(position.chain));
    if (chunk_read(reader, wire, &position))
        fail("chunk", "cannot be read");
    struct journal_record record;
    while (chunk_next(reader, &record))
        print_record(probe, &record);
}

/* What cannot be opened is being written: it ends there. */
static void print_segment(struct chunk_reader *reader, const char *path, const struct probe *probe)
{
    struct segment_file *file;
    struct frame frame;
    uint64_t first = strtoull(strrchr(path, '/') + 1, NULL, 10);
    if (segment_file_open(path, first, &file))
        fail(path, "cannot be opened");
    _cleanup_(frame_scan_close) struct frame_scan scan;
    frame_scan_open(file, first, &scan);
    while (frame_scan_next(&scan, &frame)) {
        _cleanup_(buffer_free) struct buffer wire = BUFFER_INIT;
        struct bytes opened;
        if (frame.count == 0)
            continue;
        if (chunk_unstore(
                probe->sealed ? probe->secret : NULL, frame.first, frame.content, false, &wire, &opened))
            break;
        print_chunk(reader, opened, probe);
    }
    segment_file_close(&file);
}

static int is_segment(const struct dirent *entry)
{
    return strlen(entry->d_name) == 20 && strspn(entry->d_name, "0123456789") == 20;
}

static void print_journal(const char *data, const struct probe *probe)
{
    char path[1000];
    struct chunk_reader *reader;
    struct dirent **segments;
    snprintf(path, sizeof(path), "%.900s/journal", data);
    int count = scandir(path, &segments, is_segment, alphasort);
    if (count < 0 || chunk_reader_open(&reader))
        fail(path, "no journal");
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%.900s/journal/%.20s", data, segments[i]->d_name);
        print_segment(reader, path, probe);
        free(segments[i]);
    }
    free(segments);
    chunk_reader_close(&reader);
}

int main(int argc, char **argv)
{
    char path[1000];
    struct probe probe = {.all = argc > 2 && strcmp(argv[1], "--all") == 0};
    const char *data = probe.all ? argv[2] : argv[1];
    if (argc < 2)
        fail("usage", "journal_probe GATEWAY_DATA [FROM] | --all SERVICE_DATA");
    probe.from = argc > 2 && !probe.all ? strtoull(argv[2], NULL, 10) : 0;
    snprintf(path, sizeof(path), "%.900s/journal.key", data);
    probe.sealed = access(path, R_OK) == 0;
    if ((probe.sealed || !probe.all) && keys_secret(path, probe.secret))
        fail(path, "no key");
    print_journal(data, &probe);
    return 0;
}
