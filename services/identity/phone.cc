/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/phone.h"

#include <cstring>
#include <exception>
#include <phonenumbers/phonenumberutil.h>
#include <string>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace {

constexpr size_t text_max = 64; /* the library itself refuses beyond 250; nothing so long is a number */
constexpr size_t mobile_digits = 11;

bool copy(const std::string &from, char (&to)[PHONE_BYTES])
{
    if (from.size() >= sizeof(to))
        return false;
    std::memcpy(to, from.c_str(), from.size() + 1);
    return true;
}

/* Prefixes of which all 10^8 numbers are valid. */
bool mobile_prefix(const char *digits)
{
    if (digits[0] != '1')
        return false;
    switch (digits[1]) {
    case '3':
    case '8':
        return true;
    case '4':
        return digits[2] == '5' || digits[2] == '7';
    case '5':
        return digits[2] != '4';
    case '6':
        return digits[2] == '2' || (digits[2] >= '5' && digits[2] <= '7');
    case '7':
        return digits[2] != '4' && digits[2] != '9';
    case '9':
        return digits[2] != '4';
    default:
        return false;
    }
}

/* "+86" or nothing (in China), then eleven digits, single blanks or hyphens between them. */
bool chinese_mobile(const char *text, size_t size, bool in_china, struct phone *ret_phone)
{
    size_t at = 0;
    if (size > 3 && std::memcmp(text, "+86", 3) == 0)
        at = text[3] == ' ' || text[3] == '-' ? 4 : 3;
    else if (!in_china)
        return false;
    char digits[mobile_digits];
    size_t count = 0;
    for (; at < size; at++) {
        char c = text[at];
        if (c >= '0' && c <= '9') {
            if (count == mobile_digits)
                return false;
            digits[count++] = c;
        } else if ((c != ' ' && c != '-') || count == 0 || text[at - 1] == ' ' || text[at - 1] == '-') {
            return false;
        }
    }
    if (count != mobile_digits || text[size - 1] == ' ' || text[size - 1] == '-' || !mobile_prefix(digits))
        return false;
    std::memcpy(ret_phone->e164, "+86", 3);
    std::memcpy(ret_phone->e164 + 3, digits, mobile_digits);
    ret_phone->e164[3 + mobile_digits] = '\0';
    std::memcpy(ret_phone->national, digits, mobile_digits);
    ret_phone->national[mobile_digits] = '\0';
    return true;
}

} // namespace

bool phone_region_known(const char *region)
{
    return PhoneNumberUtil::GetInstance()->GetCountryCodeForRegion(region) != 0;
}

bool phone_normalise_by_library(const char *text, size_t size, const char *region, struct phone *ret_phone)
{
    if (size == 0 || size > text_max)
        return false;
    try { /* no exception may reach C */
        const PhoneNumberUtil *library = PhoneNumberUtil::GetInstance();
        PhoneNumber number;
        if (library->Parse(std::string(text, size), region, &number) != PhoneNumberUtil::NO_PARSING_ERROR ||
            !library->IsValidNumber(number))
            return false;
        std::string e164;
        std::string national;
        library->Format(number, PhoneNumberUtil::E164, &e164);
        library->GetNationalSignificantNumber(number, &national);
        struct phone phone = {};
        if (!copy(e164, phone.e164) || !copy(national, phone.national))
            return false;
        *ret_phone = phone;
        return true;
    } catch (const std::exception &) {
        return false;
    }
}

bool phone_normalise(const char *text, size_t size, const char *region, struct phone *ret_phone)
{
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (chinese_mobile(text, size, std::strcmp(region, "CN") == 0, ret_phone))
        return true;
    return phone_normalise_by_library(text, size, region, ret_phone);
}
