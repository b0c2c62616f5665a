/* SPDX-License-Identifier: Apache-2.0 */
/* Events that were accepted, and of which identity finds that they belong to nobody: none of their identifiers can be used. Each becomes a
 * dead letter, as it lies in the journal, with the reason: "identifier_" and identity's word. */
#ifndef QY_GATEWAY_DEAD_LETTER_NOBODY_H
#define QY_GATEWAY_DEAD_LETTER_NOBODY_H

#include "services/gateway/gateway.h"

/* Writer: an EventOfNobody of identity's journal. An earlier letter of the event's message id goes. Where there is no room, or the event is
 * no more there, that is counted. */
int letter_of_nobody(struct gateway *gateway, struct batch *batch, const struct journal_record *record);

#endif
