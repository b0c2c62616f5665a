/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES 512

int rpc_refuse(struct rpc_context *context, int code, const char *field, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    context->error_message = arena_text(context->arena, message, strlen(message));
    context->error_field = field ? arena_text(context->arena, field, strlen(field)) : NULL;
    return code;
}

/* protobuf-c keeps a oneof's case, an enum of int's size, where its members' quantifier_offset points. */
unsigned rpc_case(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (!(type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        unsigned set;
        memcpy(&set, (const uint8_t *)message + type->fields[i].quantifier_offset, sizeof(set));
        return set;
    }
    return 0;
}

const char *rpc_service_check(const struct rpc_service *service)
{
    for (unsigned i = 0; i < service->request->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &service->request->fields[i];
        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || field->id <= RPC_RUNTIME_CASES)
            continue;
        const ProtobufCFieldDescriptor *result =
            protobuf_c_message_descriptor_get_field(service->reply, field->id);
        bool handled = field->id < service->handler_count && service->handlers[field->id].handle;
        if (!handled || !result || !(result->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            return field->name;
    }
    return NULL;
}
