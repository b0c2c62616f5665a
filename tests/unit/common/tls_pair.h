/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests: self-signed, with keys of their own, in PEM files. */
#ifndef QY_TESTS_TLS_PAIR_H
#define QY_TESTS_TLS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct pair_files {
    char directory[64];
    char certificate[96];
    char key[96];
};

static inline void pair_files_make(struct pair_files *files)
{
    snprintf(files->directory, sizeof(files->directory), "/tmp/quanyu-tls-XXXXXX");
    assert_non_null(mkdtemp(files->directory));
    snprintf(files->certificate, sizeof(files->certificate), "%s/certificate.pem", files->directory);
    snprintf(files->key, sizeof(files->key), "%s/key.pem", files->directory);
}

static inline void pair_files_remove(struct pair_files *files)
{
    unlink(files->certificate);
    unlink(files->key);
    rmdir(files->directory);
}

static inline X509 *pair_certificate(EVP_PKEY *key, const char *name, long seconds)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -100000);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static inline void pair_write_certificate(const char *path, X509 *certificate)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
}

static inline void pair_write_key(const char *path, EVP_PKEY *key, const char *password)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PKCS8PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                         (void *)(uintptr_t)password),
        1);
    fclose(file);
}

/* Writes a new pair for `name`, valid for so many seconds from now (negative: no longer). */
static inline void pair_write(const struct pair_files *files, const char *name, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *certificate = pair_certificate(key, name, seconds);
    pair_write_certificate(files->certificate, certificate);
    pair_write_key(files->key, key, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

#endif
