/* SPDX-License-Identifier: Apache-2.0 */
/* A journey's definition: JSON, parsed and checked once into steps that never change.
 *
 *   journey    {"name":T, "entry":ENTRY, "steps":[STEP,…],
 *               "include_current":false,   people who are in the entry's segment or rule when it is published enter, too
 *               "reentry":"never",         or "after_exit", or a duration: so long after leaving, at the earliest
 *               "exit_when":RULE}          whoever comes to fulfil it leaves at once, wherever he or she stands
 *   ENTRY      {"segment":ID}              someone enters the segment
 *              {"rule":RULE}               someone comes to fulfil the rule
 *              {"event":{"event":NAME, "where":[…]}}   each matching event
 *   STEP       {"id":ID, "type":TYPE, …, "next":ID}    without "next": the step that follows in the list
 *     wait       "for":DURATION  or  "until":TIME
 *     condition  "rule":RULE, "then":ID, "else":ID     at least one of the two; the other is the step that follows
 *     split      "branches":[{"share":PERCENT, "next":ID},…]   shares sum to 100; a person is always on the same side
 *     send       "channel":"webhook", "url":URL, "secret":T, "content":JSON      without "secret": the one that it has
 *                "channel":"email", "subject":T, "text":T, "html":T   text, html, or both
 *     exit
 *
 * RULE is the rule language; TIME is RFC 3339 or a date; "content", "subject", "text" and "html" take placeholders (template.h), "url"
 * takes none. After the last step the journey is completed. A way back is allowed where a wait "for" a while lies on it.
 *
 * A definition has two forms. As given, a secret is plain text; as stored, it is sealed ("secret_sealed"), and secrets.h
 * turns the one into the other. What is shown has "secret_set":true in its place, which may be given back. */
#ifndef QY_CAMPAIGN_JOURNEY_H
#define QY_CAMPAIGN_JOURNEY_H

#include "common/error.h"
#include "common/mem.h"

#include <stdbool.h>

#define STEP_ID_BYTES 32 /* with its NUL */
#define STEP_END (-1)    /* as a step's number: the journey is completed */
#define JOURNEY_STEPS_MAX 100
#define JOURNEY_BRANCHES_MAX 10
#define JOURNEY_NAME_BYTES_MAX 200
#define JOURNEY_BYTES_MAX ((size_t)256 * 1024)
#define SECRET_BYTES_MAX 200
#define WATCH_KEY_BYTES 16

enum step_type { STEP_WAIT, STEP_CONDITION, STEP_SPLIT, STEP_SEND, STEP_EXIT };
enum channel { CHANNEL_WEBHOOK, CHANNEL_EMAIL };
const char *channel_name(enum channel channel);

/* A rule that tagging evaluates for this journey. */
struct watch_rule {
    const char *json; /* NULL: there is none */
    size_t size;
    const char *pointer;          /* JSON pointer to it in the definition */
    bool trigger;                 /* fires for each event, else a membership */
    uint8_t key[WATCH_KEY_BYTES]; /* hash of the above: the same rule needs one watch only */
    uint32_t watch;               /* the watch that serves it; 0 until there is one. publish.c sets it */
};

struct step_branch {
    unsigned share; /* percent */
    int next;
};

/* What a send step says, as given; texts with placeholders. NULL where absent. */
struct step_message {
    const char *url;
    const char *secret;  /* of a definition as given; NULL: keep the one that the step has */
    const char *sealed;  /* of a definition as stored */
    const char *content; /* JSON */
    const char *subject;
    const char *text;
    const char *html;
    unsigned placeholders; /* bit per enum placeholder */
};

struct step {
    char id[STEP_ID_BYTES];
    enum step_type type;
    int next; /* index, or STEP_END; of a condition: "then" */
    int otherwise;
    int64_t wait_ms; /* STEP_WAIT: 0 where until_ms says it */
    int64_t until_ms;
    struct watch_rule rule;
    struct step_branch *branches;
    size_t branch_count;
    enum channel channel;
    struct step_message message;
};

enum reentry { REENTRY_NEVER, REENTRY_AFTER_EXIT, REENTRY_AFTER };

struct journey {
    struct arena *arena; /* holds everything */
    const char *name;
    struct watch_rule entry;
    struct watch_rule exit_when; /* json NULL: none */
    bool include_current;
    enum reentry reentry;
    int64_t reentry_ms; /* REENTRY_AFTER */
    struct step *steps;
    int step_count;
};

struct journey_problem {
    char pointer[256]; /* JSON pointer into the definition, "" for the whole of it */
    char message[256];
};

/* A definition as given. -QY_EINVAL with the problem filled in, -QY_ETOOLARGE, -QY_ENOMEM. */
int journey_parse(
    const void *json, size_t size, struct journey **ret_journey, struct journey_problem *problem);
/* A definition as stored. -QY_ECORRUPT, -QY_ENOMEM. */
int journey_parse_stored(const void *json, size_t size, struct journey **ret_journey);
void journey_free(struct journey **journey);
/* The rules of a journey: conditions, the exit, and last the entry; some have no JSON. */
int journey_rule_count(const struct journey *journey);
struct watch_rule *journey_rule(struct journey *journey, int index);
/* Index of the step, or STEP_END. */
int journey_step(const struct journey *journey, const char *id);
/* Percent 0 to 99, the same for the same person at the same step for ever. `node` is the person's founding
 * node. */
unsigned journey_bucket(const char *journey_id, const char *step_id, uint32_t node);
/* Where this bucket goes. */
int step_side(const struct step *step, unsigned bucket);

#endif
