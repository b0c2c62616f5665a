/* SPDX-License-Identifier: Apache-2.0 */
/* From the body of an ingestion call to records: checks each event, packs those that are valid as RawEvents and
 * the others as DeadLetters. Pure: no state, no I/O; any thread. */
#ifndef QY_GATEWAY_INGEST_PARSE_H
#define QY_GATEWAY_INGEST_PARSE_H

#include "common/buffer.h"
#include "common/json_check.h"
#include "proto/gateway.pb-c.h"
#include "services/gateway/write_keys.h"

#define INGEST_HASH_BYTES 16

struct ingest_limits {
    size_t event_bytes; /* of one event, what its batch shares merged in; and of what a batch shares */
    size_t call_bytes;  /* of all of a call's events so; 0: unlimited */
    size_t batch_events;
    size_t letter_bytes;      /* of one refused event that is kept; 0: none is */
    int64_t future_ms;        /* so far ahead of its arrival an event's time is plausible */
    int64_t past_ms;          /* and so far behind, where it is no import */
    const yyjson_alc *memory; /* for what is made in between; NULL: malloc */
};

struct ingest_event {
    size_t at, size;                 /* of the packed RawEvent in parsed.packed */
    uint8_t hash[INGEST_HASH_BYTES]; /* of source and message id */
    bool deduplicated;               /* false where the sender gave no message id */
    uint8_t import_id[16];           /* of imports with ids of the form <32 hex digits>:<position> */
    uint32_t import_position;
    bool positioned;
    bool
        again; /* it is the one that was accepted under this id: a dead letter of nobody's that is replayed */
};

/* An event that is not valid. */
struct refused_event {
    const char *reason; /* a static word */
    size_t answer_at;   /* in parsed.errors: right before the brace that ends what is said of it */
    size_t at, size;    /* of the packed DeadLetter in parsed.letters; size 0: it is too large to be kept */
    bool identified;    /* it bears a message id, so that the same one sent again is known again */
    uint8_t hash[INGEST_HASH_BYTES]; /* of source and message id; all zero where that is none */
};

/* So much of one call's refused events is written out at most, kept or not: more than a body holds by default, so that only what
 * they share can end it. */
#define PARSED_LETTERS_MAX ((size_t)8 << 20)

struct parsed {
    struct buffer packed;
    struct ingest_event *events;
    size_t event_count, event_capacity;
    size_t seen;          /* events in the call, refused ones too */
    struct buffer errors; /* the refused ones, JSON objects separated by commas */
    size_t error_count;
    size_t unknown_units;          /* events that name one that there is not */
    size_t unknown_staff;          /* the same; or one who has left */
    size_t denied_count;           /* of them, those that the write key does not allow */
    struct refused_event *refused; /* error_count of them */
    size_t refused_capacity;
    struct buffer letters;
    size_t letters_written; /* bytes of JSON, kept or not; beyond PARSED_LETTERS_MAX no more is */
    bool oversize;          /* a call of one event, which was too large */
    bool starved;           /* memory was out for one of them */
};
void parsed_free(struct parsed *parsed);

/* Of the source and the message id, which is under 400 bytes: what deduplication goes by. */
void ingest_hash(uint32_t source, const char *id, size_t size, uint8_t ret_hash[INGEST_HASH_BYTES]);

/* Of the whole call: the reason that is answered with a status of its own. */
struct ingest_refusal {
    int status;
    const char *kind;
    const char *field;
    char detail[200];
    char pointer[JSON_POINTER_BYTES]; /* for `field` */
};

enum ingest_call {
    CALL_IDENTIFY = QUANYU__EVENT_TYPE__EVENT_IDENTIFY,
    CALL_TRACK = QUANYU__EVENT_TYPE__EVENT_TRACK,
    CALL_PAGE = QUANYU__EVENT_TYPE__EVENT_PAGE,
    CALL_SCREEN = QUANYU__EVENT_TYPE__EVENT_SCREEN,
    CALL_GROUP = QUANYU__EVENT_TYPE__EVENT_GROUP,
    CALL_ALIAS = QUANYU__EVENT_TYPE__EVENT_ALIAS,
    CALL_BATCH,
    CALL_IMPORT, /* a batch whose events are history */
};

struct ingest_origin {
    enum ingest_call call;
    uint32_t source;
    const struct write_key *key;    /* what it allows; NULL: everything */
    const struct unit_tree *units;  /* NULL: none is known */
    const struct staff_roll *staff; /* NULL: nobody is known */
    int64_t received_ms;
    bool may_hold_nul; /* json_may_hold_nul() of the call's body */
    bool browser;      /* it comes from where anybody can make anything up: it verifies nothing */
};

/* False: refused as a whole. True: parsed holds events and errors, at least one of the two. */
bool ingest_parse(yyjson_val *body, const struct ingest_origin *origin, const struct ingest_limits *limits,
    struct parsed *parsed, struct ingest_refusal *refusal);

#endif
