/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/ingest_refusals.h"

#include "services/gateway/dead_letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool refusals_may_stay(const struct parsed *parsed)
{
    return parsed->letters.size > 0;
}

int refusals_keep(struct gateway *gateway, struct batch *batch, const struct ingest_origin *origin,
    const struct parsed *parsed, uint64_t *numbers)
{
    int error = 0;
    for (size_t i = 0; !error && i < parsed->error_count; i++) {
        const struct refused_event *refused = &parsed->refused[i];
        struct dead_letter letter = {
            .reason = refused->reason,
            .source = origin->source,
            .received_ms = origin->received_ms,
            .content = {parsed->letters.data + refused->at, refused->size},
            .identified = refused->identified,
        };
        memcpy(letter.message, refused->hash, sizeof(letter.message));
        numbers[i] = 0;
        if (refused->size > 0)
            error = dead_letters_add(gateway->letters, batch->txn, &letter, &numbers[i]);
    }
    return error;
}

static void add_to(
    struct gateway *gateway, const char *name, const char *help, const char *reason, size_t count)
{
    char labels[64];
    snprintf(labels, sizeof(labels), "reason=\"%s\"", reason);
    if (count > 0)
        metric_add(metrics_series(service_metrics(gateway->service), METRIC_COUNTER, name, labels, help),
            (double)count);
}

/* Events of one call are mostly refused for one reason. */
void refusals_count(struct gateway *gateway, const struct parsed *parsed, const uint64_t *numbers)
{
    for (size_t i = 0, next; i < parsed->error_count; i = next) {
        const char *reason = parsed->refused[i].reason;
        size_t lost = 0;
        for (next = i; next < parsed->error_count && strcmp(parsed->refused[next].reason, reason) == 0;
            next++)
            lost += !numbers || !numbers[next];
        add_to(gateway, "quanyu_events_refused_total", "Events that were not valid.", reason, next - i);
        add_to(gateway, "quanyu_dead_letters_not_kept_total",
            "Events that were not valid, and are not in the dead-letter list: too large, or it is full.",
            reason, lost);
    }
}

void refusals_write(const struct parsed *parsed, const uint64_t *numbers, struct buffer *out)
{
    size_t done = 0;
    char id[LETTER_ID_BYTES];
    buffer_byte(out, '[');
    for (size_t i = 0; numbers && i < parsed->error_count; i++) {
        if (!numbers[i])
            continue;
        size_t at = parsed->refused[i].answer_at;
        buffer_append(out, parsed->errors.data + done, at - done);
        buffer_printf(out, ",\"dead_letter\":\"%s\"", letter_id_format(numbers[i], id));
        done = at;
    }
    buffer_append(out, parsed->errors.data + done, parsed->errors.size - done);
    buffer_byte(out, ']');
}

const char *letter_id_format(uint64_t number, char text[LETTER_ID_BYTES])
{
    snprintf(text, LETTER_ID_BYTES, "dl_%" PRIu64, number);
    return text;
}

bool letter_id_parse(const char *text, uint64_t *ret_number)
{
    size_t digits = strncmp(text, "dl_", 3) == 0 ? strlen(text + 3) : 0;
    if (digits == 0 || digits > 19 || strspn(text + 3, "0123456789") != digits || text[3] == '0')
        return false;
    *ret_number = strtoull(text + 3, NULL, 10);
    return true;
}
