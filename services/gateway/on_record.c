/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/on_record.h"

#include "services/gateway/api.h"

#define SHOWS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ONE_ID SHOWS("one_id")
#define COUNT SHOWS("count")
#define DECISION SHOWS("one_id", "identifiers", "decision")
#define DRY_RUN SHOWS("one_id", "identifiers", "count")

static const struct row {
    api_handler_fn *handle;
    struct on_record on_record;
} rows[] = {
    {person_lookup, {"person.lookup", NULL}},
    {person_show, {"person.show", NULL}},
    {person_tag, {"tag.add", NULL}},
    {person_untag, {"tag.remove", NULL}},
    {person_unmask, {"person.unmask", NULL}},
    {person_bindings, {"person.bindings", NULL}},
    {person_bind, {"binding.change", NULL}},
    {person_join, {"identity.join", DECISION}},
    {person_split, {"identity.split", DECISION}},
    {person_move, {"identity.move", DECISION}},
    {identifier_block, {"identity.block", DECISION}},
    {identifier_reassign, {"identity.reassign", DECISION}},
    {evidence_withdraw, {"identity.withdraw", DECISION}},
    {decision_list, {"identity.decisions", DECISION}},
    {decision_show, {"identity.decisions", DECISION}},
    {decision_undo, {"identity.undo", DECISION}},
    {identifier_explain, {"identity.explain", SHOWS("one_id", "identifiers", "links")}},
    {person_history, {"person.history", SHOWS("one_id", "identifiers", "links")}},
    {identity_conflicts, {"identity.conflicts", SHOWS("one_id", "identifiers", "links")}},
    {identity_busy, {"identity.busy", SHOWS("one_id", "identifiers")}},
    {duplicate_search_start, {"identity.duplicates.search", NULL}},
    {duplicate_list, {"identity.duplicates", SHOWS("one_id", "identifiers", "score")}},
    {duplicate_dismiss, {"identity.duplicates.dismiss", ONE_ID}},
    {identity_rules_change, {"identity_rules.change", NULL}},
    {identity_dry_run_begin, {"identity_rules.dry_run", DRY_RUN}},
    {identity_dry_run_show, {"identity_rules.dry_run", DRY_RUN}},
    {identity_dry_run_cancel, {"identity_rules.dry_run", DRY_RUN}},
    {transfer_begin, {"binding.transfer", COUNT}},
    {transfer_show, {"binding.transfer", COUNT}},
    {binding_rules_change, {"binding_rules.change", NULL}},
    {unit_people, {"unit.people", ONE_ID}},
    {staff_people, {"staff.people", ONE_ID}},
    {staff_open_work, {"staff.open_work", COUNT}},
    {audience_count, {"audience.count", COUNT}},
    {segment_create, {"segment.create", COUNT}},
    {segment_list, {"segment.list", COUNT}},
    {segment_show, {"segment.show", COUNT}},
    {segment_change, {"segment.change", COUNT}},
    {segment_remove, {"segment.delete", NULL}},
    {segment_changes, {"segment.changes", SHOWS("one_id", "segment")}},
    {tag_create, {"tag.create", COUNT}},
    {tag_list, {"tag.list", COUNT}},
    {tag_show, {"tag.show", COUNT}},
    {tag_change, {"tag.change", COUNT}},
    {tag_remove, {"tag.delete", NULL}},
    {stages_change, {"stages.change", NULL}},
    {journey_create, {"journey.create", COUNT}},
    {journey_list, {"journey.list", COUNT}},
    {journey_show, {"journey.show", COUNT}},
    {journey_change, {"journey.change", COUNT}},
    {journey_publish, {"journey.publish", COUNT}},
    {journey_pause, {"journey.pause", COUNT}},
    {journey_remove, {"journey.delete", NULL}},
    {journey_deliveries, {"journey.deliveries", SHOWS("one_id", "deliveries")}},
    {dead_letter_list, {"dead_letter.list", NULL}},
    {dead_letter_show, {"dead_letter.show", NULL}},
    {dead_letter_delete, {"dead_letter.delete", NULL}},
    {dead_letter_delete_one, {"dead_letter.delete", NULL}},
    {dead_letter_replay, {"dead_letter.replay", NULL}},
    {dead_letter_erase, {"dead_letter.erase", NULL}},
};

const struct on_record *on_record_of(const struct api_operation *operation)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].handle == operation->handle)
            return &rows[i].on_record;
    return NULL;
}
