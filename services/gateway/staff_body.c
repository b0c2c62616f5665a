/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_body.h"

#include "common/looks.h"
#include "services/gateway/login.h"
#include "services/gateway/staff_store.h"

#include <string.h>

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

int staff_read_text(
    struct api_call *call, const char *name, bool required, size_t most, const char **ret_text)
{
    int error = api_text(call, name, required, ret_text);
    if (error || !*ret_text)
        return error;
    if (strlen(*ret_text) > most)
        return api_refuse(call, -QY_EINVAL, name, "must be at most %zu bytes", most);
    if (has_control(*ret_text))
        return api_refuse(call, -QY_EINVAL, name, "must not hold control characters");
    return 0;
}

static int read_login(struct api_call *call, const char **login)
{
    char *text = arena_alloc(call->arena, LOGIN_BYTES_MAX + 1);
    if (!*login)
        return 0;
    if (!text)
        return -QY_ENOMEM;
    const char *problem = login_read(*login, text);
    *login = text;
    return problem ? api_refuse(call, -QY_EINVAL, "login", "%s", problem) : 0;
}

/* It is named by events and stands in records, so it is nobody's phone number. */
static int check_code(struct api_call *call, const char *code)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!code || !*code)
        return 0;
    if (strspn(code, allowed) != strlen(code))
        return api_refuse(call, -QY_EINVAL, "code", "may hold letters, digits, \".\", \"_\" and \"-\" alone");
    if (looks_like_phone(code, strlen(code)))
        return api_refuse(call, -QY_EINVAL, "code", "looks like a phone number");
    if (strncmp(code, "st_", 3) == 0)
        return api_refuse(call, -QY_EINVAL, "code", "must not begin with st_, as ids do");
    return 0;
}

static int check_contact(struct api_call *call, const struct staff_input *input)
{
    if (input->email && *input->email &&
        (!looks_like_email(input->email, strlen(input->email)) || strpbrk(input->email, " \t")))
        return api_refuse(call, -QY_EINVAL, "email", "must be an email address");
    if (input->phone && *input->phone && !looks_like_phone(input->phone, strlen(input->phone)))
        return api_refuse(call, -QY_EINVAL, "phone", "must be a phone number, abroad with + and country");
    return 0;
}

int staff_read_body(struct api_call *call, bool whole, struct staff_input *ret_input)
{
    struct staff_input *input = ret_input;
    const struct {
        const char *name;
        bool required;
        size_t most;
        const char **text;
    } members[] = {
        {"login", false, LOGIN_BYTES_MAX, &input->login},
        {"name", false, STAFF_TEXT_BYTES, &input->name},
        {"email", false, STAFF_TEXT_BYTES, &input->email},
        {"phone", false, STAFF_TEXT_BYTES, &input->phone},
        {"code", false, STAFF_CODE_BYTES, &input->code},
        {"role", whole, STAFF_TEXT_BYTES, &input->role},
        {"unit", whole, STAFF_TEXT_BYTES, &input->unit},
    };
    int error = 0;
    for (size_t i = 0; !error && i < COUNT_OF(members); i++)
        error = staff_read_text(call, members[i].name, members[i].required, members[i].most, members[i].text);
    if (!error)
        error = read_login(call, &input->login);
    if (!error)
        error = check_code(call, input->code);
    return error ? error : check_contact(call, input);
}
