/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tls.h"

#include "common/error.h"
#include "tests/unit/common/tls_pair.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define DAY (24L * 3600)
#define SECONDS 20

struct fixture {
    struct pair_files files;
    struct tls_options options;
    struct metrics *metrics;
    struct tls *tls;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned taken, refused; /* reports of reloads */
    char error[TLS_ERROR_BYTES];
};

static void on_reload(void *self, int64_t expires, const char *error)
{
    struct fixture *fixture = self;
    pthread_mutex_lock(&fixture->lock);
    assert_true(expires > 0);
    if (error) {
        fixture->refused++;
        snprintf(fixture->error, sizeof(fixture->error), "%s", error);
    } else {
        fixture->taken++;
    }
    pthread_cond_signal(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void wait_for_reports(struct fixture *fixture, unsigned count)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += SECONDS;
    pthread_mutex_lock(&fixture->lock);
    while (fixture->taken + fixture->refused < count)
        assert_int_equal(pthread_cond_timedwait(&fixture->changed, &fixture->lock, &limit), 0);
    pthread_mutex_unlock(&fixture->lock);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    pair_files_make(&fixture->files);
    pair_write(&fixture->files, "first", 10 * DAY);
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    assert_int_equal(metrics_open("test", &fixture->metrics), 0);
    fixture->options = (struct tls_options){.certificate = fixture->files.certificate,
        .key = fixture->files.key,
        .metrics = fixture->metrics,
        .on_reload = on_reload,
        .self = fixture};
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    tls_close(&fixture->tls);
    metrics_close(&fixture->metrics);
    pair_files_remove(&fixture->files);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
    free(fixture);
    return 0;
}

static void open_tls(struct fixture *fixture)
{
    char error[TLS_ERROR_BYTES];
    if (tls_open(&fixture->options, &fixture->tls, error) != 0)
        fail_msg("%s", error);
}

static void assert_in_force(struct fixture *fixture, const char *name)
{
    char found[64] = "";
    SSL *ssl = tls_session(fixture->tls);
    assert_non_null(ssl);
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(SSL_get_certificate(ssl)), NID_commonName, found, sizeof(found));
    assert_string_equal(found, name);
    SSL_free(ssl);
}

/* Both sides of a handshake, in memory. Returns the client's; NULL where it fails. */
static SSL *shake(SSL *server, SSL_CTX *context)
{
    SSL *client = SSL_new(context);
    BIO *near, *far;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    for (int i = 0; i < 20; i++) {
        int done = SSL_do_handshake(client);
        if (SSL_do_handshake(server) == 1 && done == 1)
            return client;
    }
    SSL_free(client);
    return NULL;
}

static void a_pair_is_taken_and_its_end_is_measured(void **state)
{
    struct fixture *fixture = *state;
    open_tls(fixture);
    assert_in_force(fixture, "first");
    int64_t left = tls_expires(fixture->tls) - (int64_t)time(NULL);
    assert_true(left > 9 * DAY && left <= 10 * DAY);
    _cleanup_(buffer_free) struct buffer page = BUFFER_INIT;
    metrics_write(fixture->metrics, NULL, NULL, &page);
    const char *found = strstr(buffer_c_str(&page), "\nquanyu_tls_certificate_expiry_timestamp_seconds ");
    assert_non_null(found);
    assert_true(strtod(strchr(found + 1, ' '), NULL) == (double)tls_expires(fixture->tls));
}

static void assert_refused(struct fixture *fixture, const char *wanted)
{
    char error[TLS_ERROR_BYTES];
    assert_int_equal(tls_open(&fixture->options, &fixture->tls, error), -QY_EINVAL);
    assert_null(fixture->tls);
    if (!strstr(error, wanted))
        fail_msg("%s", error);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void what_is_wrong_with_a_pair_is_named(void **state)
{
    struct fixture *fixture = *state;
    const struct pair_files *files = &fixture->files;
    fixture->options.certificate = "/nonexistent/certificate";
    assert_refused(fixture, "certificate file /nonexistent/certificate: No such file or directory");
    fixture->options.certificate = files->certificate;
    fixture->options.key = "/nonexistent/key";
    assert_refused(fixture, "key file /nonexistent/key: No such file or directory");
    fixture->options.key = files->key;
    write_text(files->key, "nonsense\n");
    assert_refused(fixture, "key file ");
    pair_write(files, "first", DAY);
    write_text(files->certificate, "");
    assert_refused(fixture, "certificate file ");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct fixture *fixture = *state;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    pair_write_key(fixture->files.key, other, NULL);
    EVP_PKEY_free(other);
    assert_refused(fixture, "is not that of the certificate in ");
}

static void an_encrypted_key_is_refused_without_a_question(void **state)
{
    struct fixture *fixture = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = pair_certificate(key, "sealed", DAY);
    pair_write_certificate(fixture->files.certificate, certificate);
    pair_write_key(fixture->files.key, key, "password");
    X509_free(certificate);
    EVP_PKEY_free(key);
    assert_refused(fixture, "it is encrypted");
}

static void a_new_pair_is_taken_when_told_and_sessions_keep_theirs(void **state)
{
    struct fixture *fixture = *state;
    open_tls(fixture);
    SSL *before = tls_session(fixture->tls);
    pair_write(&fixture->files, "second", 20 * DAY);
    assert_in_force(fixture, "first");
    assert_int_equal(tls_reload(fixture->tls), 0);
    assert_in_force(fixture, "second");
    assert_int_equal(fixture->taken, 1);
    assert_true(tls_expires(fixture->tls) > (int64_t)time(NULL) + 19 * DAY);
    char name[64];
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(SSL_get_certificate(before)), NID_commonName, name, sizeof(name));
    assert_string_equal(name, "first");
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = shake(before, context);
    assert_non_null(client); /* its handshake had not even begun */
    SSL_free(client);
    SSL_free(before);
    SSL_CTX_free(context);
}

static void a_pair_that_cannot_be_used_leaves_the_one_before_in_force(void **state)
{
    struct fixture *fixture = *state;
    open_tls(fixture);
    write_text(fixture->files.certificate, "nonsense");
    assert_int_equal(tls_reload(fixture->tls), -QY_EINVAL);
    assert_non_null(strstr(fixture->error, "certificate file "));
    assert_in_force(fixture, "first");
    pair_write(&fixture->files, "late", -DAY);
    assert_int_equal(tls_reload(fixture->tls), -QY_EINVAL);
    assert_non_null(strstr(fixture->error, "has expired"));
    assert_in_force(fixture, "first");
    unlink(fixture->files.key);
    assert_int_equal(tls_reload(fixture->tls), -QY_EINVAL);
    assert_in_force(fixture, "first");
    assert_int_equal(fixture->refused, 3);
    pair_write(&fixture->files, "second", DAY);
    assert_int_equal(tls_reload(fixture->tls), 0);
    assert_in_force(fixture, "second");
}

static void an_expired_pair_is_better_than_none_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    pair_write(&fixture->files, "late", -DAY);
    open_tls(fixture);
    assert_true(tls_expires(fixture->tls) < (int64_t)time(NULL));
}

static void files_that_change_are_read_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.watch_ms = 10;
    open_tls(fixture);
    pair_write(&fixture->files, "second", DAY);
    wait_for_reports(fixture, 1);
    while (fixture->taken == 0) /* it may have looked between certificate and key */
        wait_for_reports(fixture, fixture->refused + 1);
    assert_in_force(fixture, "second");
    unsigned reports = fixture->taken + fixture->refused;
    write_text(fixture->files.key, "nonsense");
    wait_for_reports(fixture, reports + 1);
    assert_in_force(fixture, "second");
}

static SSL_CTX *context_in_force(struct fixture *fixture)
{
    SSL *ssl = tls_session(fixture->tls);
    SSL_CTX *context = SSL_get_SSL_CTX(ssl);
    SSL_CTX_up_ref(context);
    SSL_free(ssl);
    return context;
}

static void the_keys_of_tickets_change_and_the_pair_does_not(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.watch_ms = 10;
    fixture->options.ticket_ms = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *issuer = pair_certificate(key, "issuer", DAY);
    FILE *file = fopen(fixture->files.certificate, "a");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, issuer), 1);
    fclose(file);
    X509_free(issuer);
    EVP_PKEY_free(key);
    open_tls(fixture);
    SSL_CTX *first = context_in_force(fixture), *next = NULL;
    double limit = metrics_clock() + SECONDS;
    do {
        SSL_CTX_free(next);
        next = context_in_force(fixture);
        assert_true(metrics_clock() < limit);
    } while (next == first);
    uint8_t keys[2][80];
    STACK_OF(X509) *chain = NULL;
    assert_int_equal(SSL_CTX_get_tlsext_ticket_keys(first, keys[0], sizeof(keys[0])), 1);
    assert_int_equal(SSL_CTX_get_tlsext_ticket_keys(next, keys[1], sizeof(keys[1])), 1);
    assert_memory_not_equal(keys[0], keys[1], sizeof(keys[0]));
    assert_in_force(fixture, "first");
    assert_int_equal(SSL_CTX_get0_chain_certs(next, &chain), 1);
    assert_int_equal(sk_X509_num(chain), 1);
    assert_int_equal(fixture->taken + fixture->refused, 0);
    SSL_CTX_free(first);
    SSL_CTX_free(next);
}

static SSL *connect_with(
    struct fixture *fixture, int least, int most, const char *protocols, SSL **ret_server)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, least);
    SSL_CTX_set_max_proto_version(context, most);
    SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
    if (protocols)
        assert_int_equal(
            SSL_CTX_set_alpn_protos(context, (const unsigned char *)protocols, (unsigned)strlen(protocols)),
            0);
    *ret_server = tls_session(fixture->tls);
    SSL *client = shake(*ret_server, context);
    SSL_CTX_free(context);
    return client;
}

static void versions_below_1_2_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const int refused[] = {TLS1_VERSION, TLS1_1_VERSION}, taken[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    open_tls(fixture);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        SSL *server;
        assert_null(connect_with(fixture, refused[i], refused[i], NULL, &server));
        SSL_free(server);
    }
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        SSL *server, *client = connect_with(fixture, taken[i], taken[i], NULL, &server);
        assert_non_null(client);
        assert_int_equal(SSL_version(client), taken[i]);
        const SSL_CIPHER *cipher = SSL_get_current_cipher(client);
        assert_true(SSL_CIPHER_is_aead(cipher));
        SSL_free(client);
        SSL_free(server);
    }
}

static void http_1_1_is_agreed_on_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    const unsigned char *chosen;
    unsigned size;
    SSL *server, *client;
    open_tls(fixture);
    client = connect_with(fixture, TLS1_2_VERSION, TLS1_3_VERSION, "\x02h2\x08http/1.1", &server);
    assert_non_null(client);
    SSL_get0_alpn_selected(client, &chosen, &size);
    assert_int_equal(size, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    SSL_free(client);
    SSL_free(server);
    assert_null(connect_with(fixture, TLS1_2_VERSION, TLS1_3_VERSION, "\x02h2", &server));
    SSL_free(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pair_is_taken_and_its_end_is_measured),
        TEST(what_is_wrong_with_a_pair_is_named),
        TEST(a_key_of_another_certificate_is_refused),
        TEST(an_encrypted_key_is_refused_without_a_question),
        TEST(a_new_pair_is_taken_when_told_and_sessions_keep_theirs),
        TEST(a_pair_that_cannot_be_used_leaves_the_one_before_in_force),
        TEST(an_expired_pair_is_better_than_none_at_the_start),
        TEST(files_that_change_are_read_again),
        TEST(the_keys_of_tickets_change_and_the_pair_does_not),
        TEST(versions_below_1_2_are_refused),
        TEST(http_1_1_is_agreed_on_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
