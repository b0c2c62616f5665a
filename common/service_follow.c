/* SPDX-License-Identifier: Apache-2.0 */
/* From where a service follows its inputs, where that is not where it has come to. */
#include "common/service_internal.h"

void batch_follow_oldest(struct batch *batch, unsigned input, bool again)
{
    struct round *round = (struct round *)batch;
    struct input *followed = &batch->service->inputs[input];
    followed->from_oldest = true;
    if (!again)
        return;
    followed->committed = round->reached[input] = (struct journal_position){0};
    followed->stopped = round->stopped[input] = 0;
    atomic_store(&followed->next, 0);
}
