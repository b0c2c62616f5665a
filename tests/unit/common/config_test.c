/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/error.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static char path[128];

/* Each test starts in an empty directory and with no QUANYU_ variable. */
static int enter_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/config_test.XXXXXX");
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/quanyu.conf", directory);
    for (char **variable = environ; *variable;) {
        if (strncmp(*variable, "QUANYU_", 7) != 0) {
            variable++;
            continue;
        }
        char name[128];
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
        unsetenv(name);
        variable = environ;
    }
    return 0;
}

static int leave_directory(void **state)
{
    (void)state;
    unlink(path);
    return chdir("/") || rmdir(directory);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct config *open_good(void)
{
    struct config *config = NULL;
    char error[256] = "";
    int result = config_open(NULL, &config, error);
    if (result != 0)
        fail_msg("%s", error);
    return config;
}

static void assert_refused(int code, const char *message)
{
    struct config *config = NULL;
    char error[256] = "";
    assert_int_equal(config_open(NULL, &config, error), code);
    assert_string_equal(error, message);
    assert_null(config);
}

static void every_default_is_valid_and_documented(void **state)
{
    (void)state;
    _cleanup_(config_close) struct config *config = open_good();
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        assert_non_null(config_text(config, setting->name));
        assert_true(strlen(setting->help) > 0);
        assert_int_equal(
            strspn(setting->name, "abcdefghijklmnopqrstuvwxyz0123456789_."), strlen(setting->name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(setting->name, config_settings[j].name);
    }
    assert_string_equal(config_text(config, "data"), "./data");
    assert_string_equal(config_text(config, "keys"), "./data/keys");
    assert_string_equal(config_text(config, "audit.http_address"), "127.0.0.1");
    assert_int_equal(config_number(config, "campaign.rpc_port"), 7140);
    assert_int_equal(config_service_number(config, "audit", "ops_port"), 9150);
    assert_int_equal(config_number(config, "gateway.batch_max_events"), 5000);
    assert_int_equal(config_number(config, "gateway.event_max"), 32768);
    assert_int_equal(config_number(config, "tagging.retention"), INT64_C(604800000));
}

static void file_gives_values_in_sections_or_by_whole_name(void **state)
{
    (void)state;
    write_file("# a comment\n"
               "data = /var/lib/quanyu\n"
               "gateway\n"
               "    http_port = 80 # another\n"
               "    map_size = 2T\n"
               "audit.http_port = 81\n"
               "campaign\n"
               "    smtp_from = \"Brand # 1 <a@example.com>\"\n");
    _cleanup_(config_close) struct config *config = open_good();
    assert_string_equal(config_text(config, "data"), "/var/lib/quanyu");
    assert_string_equal(config_text(config, "keys"), "/var/lib/quanyu/keys");
    assert_int_equal(config_number(config, "gateway.http_port"), 80);
    assert_int_equal(config_number(config, "gateway.map_size"), INT64_C(2) << 40);
    assert_int_equal(config_number(config, "audit.http_port"), 81);
    assert_string_equal(config_text(config, "campaign.smtp_from"), "Brand # 1 <a@example.com>");
}

static void environment_overrides_the_file(void **state)
{
    (void)state;
    write_file("gateway\n    http_port = 80\n    retention = 2d\n");
    setenv("QUANYU_GATEWAY_HTTP_PORT", "8081", 1);
    setenv("QUANYU_DATA", "/tmp/x", 1);
    setenv("QUANYU_GATEWAY_RETENTION", "", 1); /* as good as absent */
    setenv("QUANYU_TEST_SEED", "7", 1);
    _cleanup_(config_close) struct config *config = open_good();
    assert_int_equal(config_number(config, "gateway.http_port"), 8081);
    assert_string_equal(config_text(config, "keys"), "/tmp/x/keys");
    assert_int_equal(config_number(config, "gateway.retention"), INT64_C(2) * 86400000);
}

static void file_is_found_where_the_caller_or_the_environment_says(void **state)
{
    (void)state;
    write_file("log_level = debug\n");
    char other[160];
    snprintf(other, sizeof(other), "%s/other.conf", directory);
    assert_int_equal(rename(path, other), 0);
    setenv("QUANYU_CONFIG", other, 1);
    _cleanup_(config_close) struct config *config = open_good();
    assert_string_equal(config_text(config, "log_level"), "debug");

    unsetenv("QUANYU_CONFIG");
    _cleanup_(config_close) struct config *named = NULL;
    char error[256];
    assert_int_equal(config_open(other, &named, error), 0);
    assert_string_equal(config_text(named, "log_level"), "debug");

    setenv("QUANYU_CONFIG", "absent.conf", 1);
    assert_refused(-QY_ENOTFOUND, "absent.conf: cannot be read: No such file or directory");
    unlink(other);
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    write_file("gateway\n    htp_port = 80\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: gateway.htp_port: no such setting");
    write_file("dat = 80\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: dat: no such setting");
    write_file("gateway\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: gateway: no such setting");
    write_file("gateway\n    http\n        port = 1\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: gateway.http: no such section");
    write_file("");
    setenv("QUANYU_GATEWAY_HTTPPORT", "80", 1);
    assert_refused(-QY_EINVAL, "QUANYU_GATEWAY_HTTPPORT: no such setting (environment)");
}

static void settings_given_twice_are_refused(void **state)
{
    (void)state;
    write_file("gateway\n    http_port = 80\ngateway.http_port = 80\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: gateway.http_port: given twice");
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    write_file("gateway\n  http_port = 80\n");
    assert_refused(-QY_EINVAL, "quanyu.conf: not a settings file (\"name = value\" lines, those of a section "
                               "indented by four blanks)");
}

static void wrong_values_name_the_setting_the_place_and_the_fault(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *wrong;
    } cases[] = {
        {"gateway.http_port", "80x", "\"80x\" is not a number"},
        {"gateway.http_port", "-1", "\"-1\" is not a number"},
        {"gateway.http_port", "65536", "\"65536\" is not between 0 and 65535"},
        {"gateway.http_port", "99999999999999999999", "\"99999999999999999999\" is not a number"},
        {"gateway.max_body", "5MB", "\"5MB\" is not a size such as 512K, 64M or 16G"},
        {"gateway.max_body", "9223372036854775807T",
            "\"9223372036854775807T\" is not a size such as 512K, 64M or 16G"},
        {"gateway.max_body", "1", "\"1\" is not between 1024 and 1073741824 bytes"},
        {"campaign.send_timeout", "10", "\"10\" is not a duration such as 500ms, 90s, 15m, 36h or 7d"},
        {"campaign.send_timeout", "5ms", "\"5ms\" is not between 10 and 3600000 ms"},
        {"log_format", "jso", "must be one of text|json"},
        {"clock", "text|json", "must be one of real|simulated"},
        {"clock_start", "2026-13-01T00:00:00Z", "must be a time such as 2026-01-01T00:00:00Z"},
        {"clock_start", "2026-01-01", "must be a time such as 2026-01-01T00:00:00Z"},
        {"time_zone", "Asia/Atlantis",
            "must be an IANA time zone that this system knows, such as Asia/Shanghai"},
        {"currency", "yuan", "must be three capitals, such as CNY"},
        {"phone_region", "CHN", "must be two capitals, such as CN"},
        {"gateway.trusted_proxies", "proxy.example",
            "must be IP addresses and CIDR blocks with commas between, such as 10.0.0.0/8, 2001:db8::1"},
        {"audit.trusted_proxies", "10.0.0.1/8",
            "must have no bits beyond a block's length: 10.0.0.0/8, not 10.0.0.1/8"},
        {"bind", "12 7", "must be an address or a host name"},
        {"identity.identifier_kinds", "card,",
            "must be names of small letters, digits and _, at most 32 characters each, with commas between"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[160], message[320];
        snprintf(text, sizeof(text), "%s = \"%s\"\n", cases[i].name, cases[i].value);
        write_file(text);
        snprintf(message, sizeof(message), "quanyu.conf: %s: %s", cases[i].name, cases[i].wrong);
        assert_refused(-QY_EINVAL, message);
    }
    write_file("");
    setenv("QUANYU_LOG_LEVEL", "loud\nly", 1);
    assert_refused(-QY_EINVAL, "QUANYU_LOG_LEVEL: log_level: must be one of debug|info|warning|error");
    unsetenv("QUANYU_LOG_LEVEL");
    setenv("QUANYU_AUDIT_RPC_PORT", "8\n9", 1);
    assert_refused(-QY_EINVAL, "QUANYU_AUDIT_RPC_PORT: audit.rpc_port: \"8?9\" is not a number");
}

static void durations_and_lists_are_read(void **state)
{
    (void)state;
    write_file("campaign.send_timeout = 500ms\ngateway.retention = 6w\ngateway.idle_timeout = 2m\n"
               "gateway.max_header = 4096\nidentity.identifier_kinds = loyalty_2,badge\n"
               "gateway.trusted_proxies = 10.0.0.0/8, 2001:db8::1\n"
               "clock = simulated\nclock_start = 2026-03-01T08:00:00+08:00\ntime_zone = Europe/London\n");
    _cleanup_(config_close) struct config *config = open_good();
    assert_int_equal(config_number(config, "campaign.send_timeout"), 500);
    assert_int_equal(config_number(config, "gateway.retention"), INT64_C(42) * 86400000);
    assert_int_equal(config_number(config, "gateway.idle_timeout"), 120000);
    assert_int_equal(config_number(config, "gateway.max_header"), 4096);
    assert_string_equal(config_service_text(config, "identity", "identifier_kinds"), "loyalty_2,badge");
    assert_string_equal(config_text(config, "gateway.trusted_proxies"), "10.0.0.0/8, 2001:db8::1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_default_is_valid_and_documented),
        TEST(file_gives_values_in_sections_or_by_whole_name),
        TEST(environment_overrides_the_file),
        TEST(file_is_found_where_the_caller_or_the_environment_says),
        TEST(unknown_names_are_refused),
        TEST(settings_given_twice_are_refused),
        TEST(broken_files_are_refused),
        TEST(wrong_values_name_the_setting_the_place_and_the_fault),
        TEST(durations_and_lists_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
