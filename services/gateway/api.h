/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP API of staff and integrations, /api/v1: worker threads that ask the services and wait for their
 * answers.
 *
 * A use of personal data goes: ask the owner, have audit make the record durable, answer. Audit down: 503, at
 * once. */
#ifndef QY_GATEWAY_API_H
#define QY_GATEWAY_API_H

#include "common/json.h"
#include "common/openapi.h"
#include "common/rpc.h"
#include "proto/audit.pb-c.h"
#include "proto/identity.pb-c.h"
#include "services/gateway/access.h"
#include "services/gateway/gateway.h"
#include "services/gateway/on_record.h"
#include "services/gateway/permission.h"

struct api;
struct api_operation;
int api_open(struct gateway *gateway, unsigned threads, struct api **ret_api);
void api_close(struct api **api);
/* HTTP thread: everything that is not ingestion. Answers, or queues it for a worker. */
void api_handle(struct api *api, struct http_request *request);

#define API_PARAMETERS_MAX 3

/* One call, on its worker thread. A handler writes the answer's JSON to `out` and returns 0, or a negative
 * code, after api_refuse() where there is something to say. */
struct api_call {
    struct gateway *gateway;
    struct http_request *request;
    struct arena *arena;
    struct rpc_client *client;
    const struct openapi *openapi;
    const struct api_operation *operation;
    const struct on_record *on_record; /* NULL: it touches nobody */
    const Quanyu__PersonView
        *about; /* who it turned out to be about, maybe beyond the scope; NULL: nobody yet */
    bool refusal_recorded, audit_away;
    const char *purpose, *task; /* as headers state them; "": none */
    bool stated_personal;       /* these, or the body's, bear what is known of who it is about */
    bool hidden;                /* the caller may not call it, and is told that it is not there */
    struct access access;       /* who calls; of nobody where the operation is open to all */
    uint64_t access_epoch;      /* when that was looked at */
    bool access_ended;          /* the call itself changed or ended what it was made with */
    uint64_t permissions;       /* the caller's */
    Quanyu__Actor actor;        /* the caller, with the scope: absent where it is the whole brand */
    Quanyu__Scope scope;
    uint64_t lost; /* the last move by which units left the caller's scope before it was asked */
    char actor_id[STAFF_ID_BYTES], credential_id[STAFF_ID_BYTES + 8];
    const char *parameters[API_PARAMETERS_MAX]; /* of the path, in the pattern's order */
    yyjson_val *body; /* a JSON object where the operation takes one, else NULL; numbers raw */
    char etag[24];    /* of an answer that is no refusal; "": none */
    int status; /* 200 unless the handler says otherwise; what it writes from 400 on is a problem document */
    struct buffer out;
    const char *error_field;
    const char *error_message;
    int error_status;       /* another one than the error's; 0: that */
    const char *error_kind; /* likewise; NULL: that */
};
typedef int api_handler_fn(struct api_call *call);

/* How an operation heeds the scope of who calls it. */
enum api_scope {
    SCOPE_NONE,   /* what it shows is everybody's */
    SCOPE_PEOPLE, /* it answers of the people in scope alone: who asks the services passes call.actor on */
    SCOPE_UNITS,  /* of the units in scope alone, and of the staff there */
    SCOPE_BRAND,  /* the whole brand's: who sees a part of it alone finds no such operation */
};

struct api_operation {
    api_handler_fn *handle;
    /* It takes no body but an object of its schema, and no parameters but its queries. */
    struct openapi_operation about;
    enum permission permission;
    enum api_scope scope;
    bool personal; /* the body bears personal values; others are refused where they have one */
    bool persons;  /* it tells of single people: it takes person.read, too */
    bool slow;     /* it hashes a password: two threads do nothing else */
};
/* The one table of operations: dispatch, rights and the description follow it. */
extern const struct api_operation api_operations[];
extern const size_t api_operation_count;
/* What SDKs call: described only, ingestion goes its own way. */
extern const struct openapi_operation sdk_operations[];
extern const size_t sdk_operation_count;
/* Of both. */
extern const struct openapi_description gateway_description;
extern const struct embedded_file gateway_openapi_files[];

/* -- for handlers -- */
/* "brand", "people", "units", "none" */
const char *api_scope_name(enum api_scope scope);
/* The answer of a path that nobody serves. */
void api_refuse_path(struct http_request *request);
int api_refuse(struct api_call *call, int code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Of what no two of the brand may share: whoever gives it learns which ones there are. */
#define API_GIVEN_BY_HQ                                                                                      \
    "is given by who sees all units, for no two of the brand may be the same; leave it out"
/* The same with a status and a kind of its own. */
int api_refuse_as(struct api_call *call, int status, const char *kind, const char *message);
/* Asks a service on behalf of the caller. The reply lives as long as the call. */
int api_ask(struct api_call *call, const char *peer, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *reply_type, ProtobufCMessage **ret_reply);
/* The same of identity. */
int api_ask_identity(
    struct api_call *call, const Quanyu__IdentityRequest *request, const Quanyu__IdentityReply **ret_reply);
/* Hands audit what is about to be shown; after 0 it is durable. Fills in actor, request id and service, and, where none are given and
 * the outcome is "ok", the fields that the operation shows. -QY_EUNAVAILABLE, with the reason, where audit cannot take it now: within
 * gateway.audit_wait, and at once while it has just failed to. */
int api_record(struct api_call *call, Quanyu__AuditRecord *record);
/* The same of people who do not fit into it: their exact set (common/exact_set.h) goes beside the log, and its hash into the record. */
int api_record_set(struct api_call *call, Quanyu__AuditRecord *record, ProtobufCBinaryData set);
/* Reads why it is asked, X-Purpose and X-Task; refuses what cannot be put on record. */
int api_read_why(struct api_call *call);
/* What the request states as purpose and reason, for identity to look at; in the arena. NULL: no memory. */
char *api_stated(struct api_call *call);
/* A purpose or reason as it goes on record: "[personal]" where it bears what is known of who it is about. */
const char *api_recordable(const struct api_call *call, const char *stated);
/* The attempt that ends with this error, or with call->status: on record where the operation touches people and the answer is a
 * refusal that is not on record yet. Returns the error, or -QY_EUNAVAILABLE. */
int api_record_refusal(struct api_call *call, int error);
/* What the answer of who was asked to do something means on record: one of AUDIT_OUTCOMES (README, "What is on record"). */
const char *api_outcome(int error);
/* Hands audit that nobody was found, or somebody whom the caller may not see (call->about): then it is "denied", of that person. `person`:
 * with what was missed; may be NULL. */
int api_record_miss(
    struct api_call *call, const char *action, const Quanyu__PersonView *person, const char *detail);
/* Hands audit a count that is about to be shown: of how many persons, and of what (JSON). */
int api_record_count(struct api_call *call, const char *action, uint64_t persons, const char *detail);
/* For what changes something and shows counts afterwards: refuses beforehand while audit is not there. */
int api_need_audit(struct api_call *call);
/* Text member of the body: NULL and 0 when absent and not required. */
int api_text(struct api_call *call, const char *name, bool required, const char **ret_text);
/* Time member or parameter: 0 when absent. */
int api_time(struct api_call *call, const char *name, int64_t *ret_ms);
int api_boolean(struct api_call *call, const char *name, bool standard, bool *ret_value);
/* A parameter of the query; "" when absent, and so says `ret_present`. */
int api_parameter(struct api_call *call, const char *name, char *text, size_t size, bool *ret_present);
/* The same where it is true or false; false when absent. */
int api_switch(struct api_call *call, const char *name, bool *ret_stated, bool *ret_value);
/* `limit` of the query: 1 to 500, 50 when absent. */
int api_limit(struct api_call *call, uint32_t *ret_limit);
/* `cursor` of the query, a number that was given as next_cursor before; 0 when absent. */
int api_cursor(struct api_call *call, uint64_t *ret_cursor);
/* The same where it is the id of the last one shown: `prefix` and digits, or any text where `prefix` is ""; "" when
 * absent. */
#define API_ID_BYTES 256
int api_id_cursor(struct api_call *call, const char *prefix, char ret_cursor[API_ID_BYTES]);
#define API_CURSOR_BYTES 24
/* A number as a next_cursor: "" when it is 0. */
const char *api_next_cursor(uint64_t next, char text[API_CURSOR_BYTES]);
/* The record of a page that names persons, of the thing that the path names, if it names one. Numbers and One IDs go in pairs, so that a
 * query by person follows joins. */
int api_record_page(
    struct api_call *call, const char *action, uint32_t *numbers, char **one_ids, size_t count);
/* The ETag of what is shown: its version in quotes. What is counted in it moves without a new one. */
void api_write_version(struct api_call *call, uint64_t version);
/* The version that the caller's If-Match asks for; 0 for any. */
int api_read_version(struct api_call *call, uint64_t *ret_version);
/* Of one ETag; false where it is none of ours. */
bool api_version_of_tag(const char *tag, uint64_t *ret_version);
/* Public One IDs of the persons, in their order. */
int api_one_ids(struct api_call *call, const uint32_t *persons, size_t count, char ***ret_one_ids);
/* Leaves those of the persons whom the caller may see, in their order. */
int api_in_scope(struct api_call *call, uint32_t *persons, size_t *count);
/* The person that the path's first parameter names. Nobody, or one whom the caller may not see: on record, and refused. */
int api_find_person(struct api_call *call, const char *action, Quanyu__PersonView **ret_person);
/* A member as JSON text in the call's arena; empty when absent. */
int api_raw(struct api_call *call, const char *name, bool required, struct bytes *ret_json);

int person_lookup(struct api_call *call);
int person_show(struct api_call *call);
int person_unmask(struct api_call *call);
int person_tag(struct api_call *call);
int person_untag(struct api_call *call);
int audience_count(struct api_call *call);
int person_bindings(struct api_call *call);
int person_bind(struct api_call *call);
int binding_rules_show(struct api_call *call);
int binding_rules_change(struct api_call *call);
int transfer_begin(struct api_call *call);
int transfer_show(struct api_call *call);
int unit_people(struct api_call *call);
int staff_people(struct api_call *call);
int segment_create(struct api_call *call);
int segment_list(struct api_call *call);
int segment_show(struct api_call *call);
int segment_change(struct api_call *call);
int segment_remove(struct api_call *call);
int segment_changes(struct api_call *call);
int tag_create(struct api_call *call);
int tag_list(struct api_call *call);
int tag_show(struct api_call *call);
int tag_change(struct api_call *call);
int tag_remove(struct api_call *call);
int stages_show(struct api_call *call);
int stages_change(struct api_call *call);
int journey_create(struct api_call *call);
int journey_list(struct api_call *call);
int journey_show(struct api_call *call);
int journey_change(struct api_call *call);
int journey_publish(struct api_call *call);
int journey_pause(struct api_call *call);
int journey_remove(struct api_call *call);
int journey_deliveries(struct api_call *call);
int person_join(struct api_call *call);
int person_split(struct api_call *call);
int person_move(struct api_call *call);
int identifier_block(struct api_call *call);
int identifier_reassign(struct api_call *call);
int evidence_withdraw(struct api_call *call);
int decision_list(struct api_call *call);
int decision_show(struct api_call *call);
int decision_undo(struct api_call *call);
int identifier_explain(struct api_call *call);
int person_history(struct api_call *call);
int identity_conflicts(struct api_call *call);
int identity_rules_show(struct api_call *call);
int identity_rules_change(struct api_call *call);
int identity_dry_run_begin(struct api_call *call);
int identity_dry_run_show(struct api_call *call);
int identity_dry_run_cancel(struct api_call *call);
int identity_busy(struct api_call *call);
int duplicate_search_start(struct api_call *call);
int duplicate_search_show(struct api_call *call);
int duplicate_list(struct api_call *call);
int duplicate_dismiss(struct api_call *call);
int import_declare(struct api_call *call);
int write_key_create(struct api_call *call);
int write_key_list(struct api_call *call);
int write_key_show(struct api_call *call);
int write_key_change(struct api_call *call);
int write_key_rotate(struct api_call *call);
int write_key_revoke(struct api_call *call);
int write_key_remove(struct api_call *call);
/* Asks campaign for a journey's rules (of `definition`, or of the one that `id` has) and tagging about each of them;
 * refuses with the JSON pointer into the journey. */
int journey_rules_check(struct api_call *call, const char *id, ProtobufCBinaryData definition);
/* Whether its numbers, and who is in it, tell of money that the caller may not see: its rules ask for some. */
int journey_is_withheld(struct api_call *call, const char *id, bool *ret_withheld);
/* Refuses a webhook that would hand personal fields to others where the caller may not see them. */
int journey_content_check(struct api_call *call);
int dead_letter_list(struct api_call *call);
int dead_letter_show(struct api_call *call);
int dead_letter_summary(struct api_call *call);
int dead_letter_delete(struct api_call *call);
int dead_letter_delete_one(struct api_call *call);
int dead_letter_erase(struct api_call *call);
int dead_letter_replay(struct api_call *call);
/* What erases a person calls this with all that the person is known by: letters that bear any of it go, and their keys with them.
 * Writes {"erased":n} as the call's answer. */
struct match;
int dead_letters_erase(struct api_call *call, const struct match *match);
int unit_create(struct api_call *call);
int unit_list(struct api_call *call);
int unit_show(struct api_call *call);
int unit_change(struct api_call *call);
int unit_remove(struct api_call *call);
int unit_import(struct api_call *call);
int suite_status(struct api_call *call);
int suite_summary(struct api_call *call);
int clock_show(struct api_call *call);
int clock_change(struct api_call *call);
int openapi_show(struct api_call *call);
int docs_show(struct api_call *call);
int session_begin(struct api_call *call);
int session_end(struct api_call *call);
int invitation_accept(struct api_call *call);
int invitation_show(struct api_call *call);
int role_create(struct api_call *call);
int role_list(struct api_call *call);
int role_show(struct api_call *call);
int role_update(struct api_call *call);
int role_remove(struct api_call *call);
int me_show(struct api_call *call);
int me_password(struct api_call *call);
int second_factor_begin(struct api_call *call);
int second_factor_confirm(struct api_call *call);
int second_factor_reset(struct api_call *call);
int staff_invite(struct api_call *call);
int staff_create(struct api_call *call);
int staff_list(struct api_call *call);
int staff_show(struct api_call *call);
int staff_change(struct api_call *call);
int staff_leave(struct api_call *call);
int staff_open_work(struct api_call *call);
int staff_token_create(struct api_call *call);
int staff_token_list(struct api_call *call);
int staff_token_revoke(struct api_call *call);
int me_token_create(struct api_call *call);
int me_token_list(struct api_call *call);
int me_token_revoke(struct api_call *call);

#endif
