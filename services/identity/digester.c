/* SPDX-License-Identifier: Apache-2.0 */
#include "services/identity/digester.h"

#include "common/error.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digester {
    EVP_MD *algorithms[DIGEST_COUNT];
    EVP_MD_CTX *context;
};

int digester_open(struct digester **ret_digester)
{
    static const char *const names[DIGEST_COUNT] = {"MD5", "SHA1", "SHA256"};
    struct digester *digester = calloc(1, sizeof(*digester));
    if (!digester)
        return -QY_ENOMEM;
    digester->context = EVP_MD_CTX_new();
    bool whole = digester->context != NULL;
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        digester->algorithms[i] = EVP_MD_fetch(NULL, names[i], NULL);
        whole &= digester->algorithms[i] != NULL;
    }
    if (!whole)
        digester_close(&digester);
    *ret_digester = digester;
    return whole ? 0 : -QY_ENOMEM;
}

void digester_close(struct digester **digester)
{
    if (!*digester)
        return;
    for (unsigned i = 0; i < DIGEST_COUNT; i++)
        EVP_MD_free((*digester)->algorithms[i]);
    EVP_MD_CTX_free((*digester)->context);
    free(*digester);
    *digester = NULL;
}

bool digester_make(struct digester *digester, enum digest_algorithm algorithm, const void *text, size_t size,
    uint8_t ret_digest[DIGEST_BYTES_MAX])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!EVP_DigestInit_ex2(digester->context, digester->algorithms[algorithm], NULL) ||
        !EVP_DigestUpdate(digester->context, text, size) ||
        !EVP_DigestFinal_ex(digester->context, digest, NULL))
        return false;
    memcpy(ret_digest, digest, digest_size(algorithm));
    return true;
}

int digester_text(struct digester *digester, enum digest_algorithm algorithm, const char *text,
    char ret_text[DIGEST_TEXT_BYTES])
{
    uint8_t digest[DIGEST_BYTES_MAX];
    if (!digester_make(digester, algorithm, text, strlen(text), digest))
        return -QY_ENOMEM;
    sodium_bin2hex(ret_text, DIGEST_TEXT_BYTES, digest, digest_size(algorithm));
    return 0;
}

void digest_show(const struct kind *kind, const char *digits, char ret_shown[DIGEST_SHOWN_BYTES])
{
    const char *algorithm = strrchr(kind->name, '_') + 1;
    snprintf(ret_shown, DIGEST_SHOWN_BYTES, "%s:%.4s…", algorithm, digits);
}

/* -- forms -- */

enum reading { READ_AS_NOTHING, READ_AS_IT, READ_AS_ANOTHER };

static enum reading read_as(const struct kinds *kinds, const char *text, const struct phone *phone)
{
    struct phone other;
    if (!phone_normalise(text, strlen(text), kinds->region, &other))
        return READ_AS_NOTHING;
    return strcmp(other.e164, phone->e164) == 0 ? READ_AS_IT : READ_AS_ANOTHER;
}

static void add(struct digest_forms *forms, const char *text, size_t size)
{
    memcpy(forms->texts[forms->count], text, size);
    forms->texts[forms->count++][size] = '\0';
}

void digest_forms_of(const struct kinds *kinds, const struct kind *kind, const char *value, size_t size,
    struct digest_forms *ret_forms)
{
    struct phone phone;
    ret_forms->count = 0;
    if (size == 0 || size > IDENTIFIER_VALUE_MAX)
        return;
    if (kind->form == FORM_EMAIL)
        add(ret_forms, value, size);
    if (kind->form != FORM_PHONE || !phone_normalise(value, size, kinds->region, &phone))
        return;
    const char *digits = phone.e164 + 1;
    add(ret_forms, phone.e164, strlen(phone.e164));
    if (read_as(kinds, digits, &phone) != READ_AS_ANOTHER)
        add(ret_forms, digits, strlen(digits));
    if (read_as(kinds, phone.national, &phone) == READ_AS_IT)
        add(ret_forms, phone.national, strlen(phone.national));
}
