/* SPDX-License-Identifier: Apache-2.0 */
/* journal_probe GATEWAY_DATA [FROM]: the events in the gateway's journal, from an offset on, a JSON line each, with
 * all that was stored of them.
 * journal_probe --all SERVICE_DATA: offset and class of each record in a service's journal.
 * It reads beside the running service and changes nothing. */
#include "common/chunk.h"
#include "common/json.h"
#include "common/keys.h"
#include "proto/gateway.pb-c.h"

#include <dirent.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS_EVENT 2u
#define MAP_BYTES ((size_t)64 << 30)

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "journal_probe: %s: %s\n", what, why);
    exit(1);
}

static void check(int error, const char *what)
{
    if (error)
        fail(what, mdb_strerror(error));
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

static void print_segment(struct chunk_reader *reader, const char *path, const struct probe *probe)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi chunks;
    MDB_cursor *cursor;
    MDB_val key, value;
    check(mdb_env_create(&env), path);
    check(mdb_env_set_maxdbs(env, 8), path);
    check(mdb_env_set_mapsize(env, MAP_BYTES), path);
    check(mdb_env_open(env, path, MDB_RDONLY, 0), path);
    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), path);
    check(mdb_dbi_open(txn, "chunks", 0, &chunks), path);
    check(mdb_cursor_open(txn, chunks, &cursor), path);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        _cleanup_(buffer_free) struct buffer wire = BUFFER_INIT;
        struct bytes opened;
        if (chunk_unstore(probe->sealed ? probe->secret : NULL, get_be64(key.mv_data),
                (struct bytes){value.mv_data, value.mv_size}, false, &wire, &opened))
            fail(path, "a chunk cannot be opened");
        print_chunk(reader, opened, probe);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
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
