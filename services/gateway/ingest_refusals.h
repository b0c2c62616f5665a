/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of events that were refused one by one, by whatever way they came: they are counted, kept as dead letters in the
 * commit of those that were accepted, and named in the answer. */
#ifndef QY_GATEWAY_INGEST_REFUSALS_H
#define QY_GATEWAY_INGEST_REFUSALS_H

#include "services/gateway/gateway.h"
#include "services/gateway/ingest_parse.h"

/* Whether any of them may be kept: then the call is work for the writer, even if it has nothing else. */
bool refusals_may_stay(const struct parsed *parsed);

/* Writer. `numbers`: parsed->error_count of them; each becomes its dead letter's, 0 where it is not kept. */
int refusals_keep(struct gateway *gateway, struct batch *batch, const struct ingest_origin *origin,
    const struct parsed *parsed, uint64_t *numbers);

/* After the commit; `numbers` NULL: none was kept. */
void refusals_count(struct gateway *gateway, const struct parsed *parsed, const uint64_t *numbers);

/* The answer's "errors": a JSON list, what was kept with its "dead_letter". `numbers` as above. */
void refusals_write(const struct parsed *parsed, const uint64_t *numbers, struct buffer *out);

/* As it is shown and asked for: "dl_17". */
#define LETTER_ID_BYTES 24
const char *letter_id_format(uint64_t number, char text[LETTER_ID_BYTES]);
bool letter_id_parse(const char *text, uint64_t *ret_number);

#endif
