/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message of a peer; the first one picks which. What is read can be written, and is read again
 * as the same. */
#include "common/mem.h"
#include "proto/audit.pb-c.h"
#include "proto/campaign.pb-c.h"
#include "proto/gateway.pb-c.h"
#include "proto/identity.pb-c.h"
#include "proto/tagging.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const messages[] = {
    &quanyu__header__descriptor,
    &quanyu__outcome__descriptor,
    &quanyu__feed_request__descriptor,
    &quanyu__feed_reply__descriptor,
    &quanyu__runtime_request__descriptor,
    &quanyu__runtime_reply__descriptor,
    &quanyu__gateway_request__descriptor,
    &quanyu__gateway_record__descriptor,
    &quanyu__identity_request__descriptor,
    &quanyu__identity_reply__descriptor,
    &quanyu__identity_record__descriptor,
    &quanyu__tagging_request__descriptor,
    &quanyu__tagging_reply__descriptor,
    &quanyu__tagging_record__descriptor,
    &quanyu__campaign_request__descriptor,
    &quanyu__campaign_reply__descriptor,
    &quanyu__campaign_record__descriptor,
    &quanyu__audit_request__descriptor,
    &quanyu__audit_reply__descriptor,
};

static void check(bool promise)
{
    if (!promise)
        abort();
}

static struct bytes pack(struct arena *arena, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *room = arena_alloc(arena, size ? size : 1);
    check(room != NULL && protobuf_c_message_pack(message, room) == size);
    return (struct bytes){room, size};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (size == 0 || (!arena && arena_open(&arena)))
        return 0;
    const ProtobufCMessageDescriptor *type = messages[data[0] % COUNT_OF(messages)];
    ProtobufCMessage *message = protobuf_c_message_unpack(type, arena_allocator(arena), size - 1, data + 1);
    if (message) {
        struct bytes once = pack(arena, message);
        message = protobuf_c_message_unpack(type, arena_allocator(arena), once.size, once.data);
        check(message != NULL);
        struct bytes twice = pack(arena, message);
        check(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    }
    arena_reset(arena);
    return 0;
}
