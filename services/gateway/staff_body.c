/* SPDX-License-Identifier: Apache-2.0 */
#include "services/gateway/staff_body.h"

#include "common/looks.h"
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

/* UTF-8 from the first bytes to the last: blanks, what is not seen, and marks that join the letter before them. With them two
 * logins would look the same. */
static const struct {
    const char *first, *last;
} unseen[] = {
    {"\xc2\xa0", "\xc2\xa0"},         /* a blank that does not break */
    {"\xc2\xad", "\xc2\xad"},         /* a hyphen that is not shown */
    {"\xcc\x80", "\xcd\xaf"},         /* combining marks */
    {"\xe2\x80\x80", "\xe2\x80\x8f"}, /* blanks, zero widths, directions */
    {"\xe2\x80\xa8", "\xe2\x80\xaf"}, /* lines, directions */
    {"\xe2\x81\x9f", "\xe2\x81\xaf"}, /* a blank, joiners, directions */
    {"\xe3\x80\x80", "\xe3\x80\x80"}, /* the ideographic blank */
    {"\xef\xb8\x80", "\xef\xb8\x8f"}, /* variants */
    {"\xef\xbb\xbf", "\xef\xbb\xbf"}, /* zero width */
};

static bool has_unseen(const char *text)
{
    for (; *text; text++)
        for (size_t i = 0; i < COUNT_OF(unseen); i++) {
            size_t size = strlen(unseen[i].first);
            if (strncmp(text, unseen[i].first, size) >= 0 && strncmp(text, unseen[i].last, size) <= 0)
                return true;
        }
    return false;
}

static int check_login(struct api_call *call, const char *login)
{
    if (login && strlen(login) < STAFF_LOGIN_BYTES_MIN)
        return api_refuse(call, -QY_EINVAL, "login", "must be at least %u bytes", STAFF_LOGIN_BYTES_MIN);
    if (login && strpbrk(login, " \t"))
        return api_refuse(call, -QY_EINVAL, "login", "must not hold blanks");
    if (login && has_unseen(login))
        return api_refuse(call, -QY_EINVAL, "login",
            "must not hold what is not seen, or marks apart from their letters: two logins would look the "
            "same");
    return 0;
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
        {"login", whole, STAFF_LOGIN_BYTES, &input->login},
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
        error = check_login(call, input->login);
    if (!error)
        error = check_code(call, input->code);
    return error ? error : check_contact(call, input);
}
