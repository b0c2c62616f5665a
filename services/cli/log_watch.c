/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/log_watch.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STALE_SECONDS 3600

int log_watch_cannot(struct log_watch *watch, long status, const char *what)
{
    if (watch->seen > 0 && (status == 401 || status == 404))
        return alarm_raise(&watch->alarm,
            "%s: the log that was seen with %" PRIu64
            " records answers %ld: it was deleted or replaced, or this token has ended",
            what, watch->seen, status);
    if (watch->seen > 0 && time(NULL) - watch->verified > STALE_SECONDS)
        return alarm_raise(&watch->alarm, "nothing could be verified for an hour: %s", what);
    if (status >= 0)
        snprintf(watch->error, sizeof(watch->error), "%s: the log answers %ld", what, status);
    return 1;
}

static void complain(struct log_watch *watch, int status)
{
    if (status == 1 && strcmp(watch->error, watch->said) != 0)
        fprintf(stderr, "quanyu: %s\n", watch->error);
    memcpy(watch->said, status == 1 ? watch->error : "", status == 1 ? sizeof(watch->said) : 1);
}

int log_watch_run(struct log_watch *watch, int (*look)(void *self), void *self, bool once, unsigned every)
{
    for (;;) {
        int status = look(self);
        complain(watch, status);
        if (once || status == LOG_ALARM)
            return status;
        sleep(every);
    }
}

bool log_watch_every(const char *text, unsigned standard, unsigned *ret_every)
{
    char *end;
    unsigned long every = text ? strtoul(text, &end, 10) : standard;
    if (text && (*end || every < 1 || every > 86400))
        return false;
    *ret_every = (unsigned)every;
    return true;
}

bool log_watch_takes_over(
    const struct note_key *believed, uint64_t seen, yyjson_val *item, struct note_key *ret_key)
{
    const char *text = yyjson_get_str(yyjson_obj_get(item, "verifier_key"));
    const char *handover = yyjson_get_str(yyjson_obj_get(item, "handover"));
    struct note note;
    struct checkpoint checkpoint;
    return text && handover && note_key_parse(text, ret_key) == 0 &&
           strcmp(ret_key->name, believed->name) == 0 && !note_key_equal(ret_key, believed) &&
           note_open((struct bytes){(const uint8_t *)handover, strlen(handover)}, &note) == 0 &&
           note_verify(&note, believed, NULL) && note_verify(&note, ret_key, NULL) &&
           checkpoint_parse(note.text, &checkpoint) == 0 && checkpoint.size >= seen;
}

static bool parse_hash(yyjson_val *value, struct merkle_hash *ret_hash)
{
    const char *hex = yyjson_get_str(value);
    size_t size;
    return hex &&
           sodium_hex2bin(ret_hash->bytes, MERKLE_HASH_BYTES, hex, strlen(hex), NULL, &size, NULL) == 0 &&
           size == MERKLE_HASH_BYTES;
}

static bool read_path(yyjson_val *proof, struct merkle_hash ret_path[MERKLE_PROOF_MAX], size_t *ret_count)
{
    size_t index, all, count = 0;
    yyjson_val *value, *path = yyjson_obj_get(proof, "path");
    yyjson_arr_foreach(path, index, all, value)
    {
        if (count == MERKLE_PROOF_MAX || !parse_hash(value, &ret_path[count++]))
            return false;
    }
    *ret_count = count;
    return yyjson_is_arr(path);
}

bool log_watch_proves(const struct buffer *answer, const struct checkpoint *from, const struct checkpoint *to)
{
    _cleanup_(merkle_hasher_close) struct merkle_hasher *hasher = NULL;
    struct merkle_hash path[MERKLE_PROOF_MAX];
    size_t count;
    yyjson_doc *doc = yyjson_read((const char *)answer->data, answer->size, 0);
    bool good = read_path(yyjson_doc_get_root(doc), path, &count) && merkle_hasher_open(&hasher) == 0 &&
                merkle_verify_consistency(hasher, from->size, &from->root, to->size, &to->root, path, count);
    yyjson_doc_free(doc);
    return good;
}
