/* SPDX-License-Identifier: Apache-2.0 */
/* The table of all settings. */
#include "common/config.h"
#include "common/config_value.h"
#include "common/mem.h"

#define KIB INT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

#define TEXT(setting, value, sentence)                                                                       \
    {.name = (setting), .type = CONFIG_TEXT, .standard = (value), .help = (sentence)}
#define CHOICE(setting, value, allowed, sentence)                                                            \
    {.name = (setting), .type = CONFIG_TEXT, .standard = (value), .choices = (allowed), .help = (sentence)}
#define CHECKED(setting, value, function, sentence)                                                          \
    {.name = (setting), .type = CONFIG_TEXT, .standard = (value), .check = (function), .help = (sentence)}
#define LASTING(setting, value, allowed, function, sentence)                                                 \
    {.name = (setting),                                                                                      \
        .type = CONFIG_TEXT,                                                                                 \
        .standard = (value),                                                                                 \
        .choices = (allowed),                                                                                \
        .check = (function),                                                                                 \
        .lasting = true,                                                                                     \
        .help = (sentence)}
#define RANGE(kind, setting, value, low, high, sentence)                                                     \
    {.name = (setting),                                                                                      \
        .type = (kind),                                                                                      \
        .standard = (value),                                                                                 \
        .least = (low),                                                                                      \
        .most = (high),                                                                                      \
        .help = (sentence)}
#define PORT(setting, value, sentence) RANGE(CONFIG_NUMBER, setting, value, 0, 65535, sentence)

/* What each service has. */
#define SERVICE(name, rpc, ops, map, nice)                                                                   \
    CHECKED(                                                                                                 \
        name ".host", "127.0.0.1", config_check_host, "where the other services find the " name " service"), \
        PORT(                                                                                                \
            name ".rpc_port", rpc, "request endpoint of the " name " service; its feed is the next number"), \
        PORT(name ".ops_port", ops, "HTTP port for /healthz, /readyz and /metrics"),                         \
        RANGE(CONFIG_BYTES, name ".map_size", map, 16 * MIB, 64 * TIB,                                       \
            "address space reserved for the state; the file is sparse and grows up to it"),                  \
        RANGE(CONFIG_BYTES, name ".quota", "0", 0, 64 * TIB,                                                 \
            "state beyond which no new input is accepted; 0: nine tenths of map_size"),                      \
        RANGE(CONFIG_DURATION, name ".retention", "7d", 0, 36500 * DAY,                                      \
            "how long journal records are kept once all followers have them"),                               \
        RANGE(CONFIG_NUMBER, name ".nice", nice, 0, 19,                                                      \
            "how far folding gives way where processors are short, as nice(1); answers do not")

/* What each service that speaks HTTP to the world has. */
#define HTTP(name, port, threads, connections)                                                               \
    CHECKED(name ".http_address", "<bind>", config_check_host, "address of the HTTP port"),                  \
        PORT(name ".http_port", port, "HTTP port; 0: none"),                                                 \
        CHECKED(name ".https_address", "<bind>", config_check_host, "address of the HTTPS port"),            \
        PORT(name ".https_port", "0", "HTTPS port; 0: none"),                                                \
        TEXT(name ".tls_certificate", "",                                                                    \
            "PEM file for the HTTPS port: the certificate and its chain; read again when it changes"),       \
        TEXT(name ".tls_key", "", "PEM file with the certificate's key, not encrypted"),                     \
        RANGE(CONFIG_DURATION, name ".handshake_timeout", "10s", 10, HOUR, "for agreeing on TLS"),           \
        TEXT(name ".public_url", "", "base URL by which clients reach it; empty: made of address and port"), \
        RANGE(CONFIG_NUMBER, name ".http_threads", threads, 1, 64, "threads that read and write HTTP"),      \
        RANGE(CONFIG_NUMBER, name ".max_connections", connections, 1, 1000000,                               \
            "open HTTP connections; at the limit idle ones make place, else accepting pauses"),              \
        RANGE(CONFIG_NUMBER, name ".max_connections_per_address", "1000", 0, 1000000,                        \
            "of them from one address (IPv6: one /64), this machine's own apart; 0: no limit"),              \
        CHECKED(name ".trusted_proxies", "", config_check_proxies,                                           \
            "addresses and CIDR blocks of proxies, with commas between, whose X-Forwarded-For and "          \
            "X-Forwarded-Proto are believed and whose connections max_connections_per_address leaves out"),  \
        RANGE(CONFIG_BYTES, name ".max_body", "5M", KIB, GIB,                                                \
            "largest HTTP body, as sent and once decompressed"),                                             \
        RANGE(CONFIG_BYTES, name ".max_header", "16K", KIB, MIB, "largest HTTP request head"),               \
        RANGE(CONFIG_DURATION, name ".request_timeout", "30s", 10, HOUR,                                     \
            "for receiving one whole HTTP request"),                                                         \
        RANGE(CONFIG_DURATION, name ".response_timeout", "30s", 10, HOUR,                                    \
            "for sending one whole HTTP answer"),                                                            \
        RANGE(CONFIG_DURATION, name ".idle_timeout", "75s", 10, HOUR,                                        \
            "for which a connection may wait for requests")

const struct config_setting config_settings[] = {
    CHECKED("data", "./data", config_check_path, "directory of all state"),
    CHECKED("keys", "<data>/keys", config_check_path, "directory of the services' keys"),
    CHECKED("bootstrap", "<data>/bootstrap", config_check_path,
        "directory where the first start leaves its credentials, a file a service; \"none\": it makes none"),
    CHECKED("bind", "127.0.0.1", config_check_host, "address on which the services listen"),
    CHOICE("log_level", "info", "debug|info|warning|error", "least level that is logged"),
    CHOICE("log_format", "text", "text|json", "key=value lines or JSON lines"),
    LASTING(
        "time_zone", "Asia/Shanghai", NULL, config_check_zone, "IANA zone in which a day begins and ends"),
    LASTING("currency", "CNY", NULL, config_check_currency, "ISO 4217 code of every amount"),
    LASTING("phone_region", "CN", NULL, config_check_region,
        "ISO 3166 code of phone numbers without a country code"),
    LASTING("clock", "real", "real|simulated", NULL, "simulated: time moves when `quanyu clock` says so"),
    CHECKED(
        "clock_start", "2026-01-01T00:00:00Z", config_check_time, "where a simulated clock begins, RFC 3339"),

    SERVICE("gateway", "7110", "9110", "64G", "0"),
    HTTP("gateway", "8080", "2", "10000"),
    RANGE(CONFIG_NUMBER, "gateway.api_threads", "8", 1, 256, "threads that answer /api"),
    RANGE(CONFIG_NUMBER, "gateway.batch_max_events", "5000", 1, 100000, "events in one batch call"),
    RANGE(CONFIG_BYTES, "gateway.event_max", "32K", KIB, MIB, "largest single event"),
    RANGE(CONFIG_DURATION, "gateway.future_tolerance", "24h", 0, 3650 * DAY,
        "so far ahead of its arrival the time of an event is plausible; beyond that it is flagged"),
    RANGE(CONFIG_DURATION, "gateway.past_tolerance", "365d", HOUR, 36500 * DAY,
        "and so far behind, where it is no import"),
    RANGE(CONFIG_NUMBER, "gateway.dead_letter_days", "30", 1, 3650,
        "days for which a refused event is kept in the dead-letter list"),
    RANGE(CONFIG_BYTES, "gateway.dead_letter_max", "256K", 0, 4 * MIB,
        "largest refused event that is kept; 0: none is"),
    RANGE(CONFIG_NUMBER, "gateway.dead_letters_max", "100000", 1, 10000000, "refused events that are kept"),
    RANGE(CONFIG_BYTES, "gateway.dead_letters_size", "64M", KIB, 64 * GIB, "and what they take together"),
    RANGE(CONFIG_NUMBER, "gateway.dead_letters_source_max", "50000", 1, 10000000,
        "refused events of one write key that are kept"),
    RANGE(CONFIG_BYTES, "gateway.dead_letters_source_size", "32M", KIB, 64 * GIB,
        "and what they take together"),
    RANGE(CONFIG_NUMBER, "gateway.key_rate", "0", 0, 1000000000,
        "events a second for each write key that has no rate of its own; 0: unlimited"),
    RANGE(CONFIG_NUMBER, "gateway.key_burst", "0", 0, 1000000000,
        "events that such a key may send at once after a pause; 0: ten seconds' worth"),
    RANGE(CONFIG_DURATION, "gateway.session_idle", "30m", 60 * SECOND, 30 * DAY,
        "after how long without a request who signed in is signed out"),
    RANGE(CONFIG_DURATION, "gateway.session_max", "12h", 60 * SECOND, 365 * DAY,
        "and after how long at the latest"),
    RANGE(CONFIG_NUMBER, "gateway.address_failures", "20", 0, 1000000,
        "failed attempts to sign in from one address before the next ones wait; 0, behind a proxy: all"),
    CHOICE("gateway.second_factor", "none", "none|admins|all",
        "who must have a second factor to sign in with a password"),
    RANGE(CONFIG_NUMBER, "gateway.least_people", "10", 0, 1000000,
        "who may not see people is told no count of fewer, nor one from which fewer follow; 0: every count"),
    RANGE(CONFIG_NUMBER, "gateway.unmask_hour", "100", 0, 1000000,
        "people whose personal fields a member of staff may unmask within an hour"),
    RANGE(CONFIG_NUMBER, "gateway.unmask_day", "500", 0, 1000000, "and within a day"),
    RANGE(CONFIG_DURATION, "gateway.audit_wait", "500ms", 20, 60 * SECOND,
        "how long the audit log may take to make a record durable; then what needs one is answered 503"),
    RANGE(CONFIG_BYTES, "gateway.queue_max", "128M", KIB, 192 * MIB,
        "events that may wait to be stored; beyond it new ones are answered 503"),
    RANGE(CONFIG_DURATION, "gateway.shed_after", "1s", 0, HOUR,
        "when the oldest has waited so long to be stored, new ones are answered 503; 0: however long"),

    SERVICE("identity", "7120", "9120", "64G", "10"),
    CHECKED("identity.identifier_kinds", "", config_check_kinds,
        "further kinds of identifiers, with commas between"),
    RANGE(CONFIG_DURATION, "identity.duplicates_every", "0s", 0, 3650 * DAY,
        "how often likely duplicates are looked for without being asked; 0: never"),
    RANGE(CONFIG_NUMBER, "identity.duplicates_least", "90", 1, 99,
        "how likely, in percent, two persons must be one to be listed as duplicates"),
    RANGE(CONFIG_NUMBER, "identity.duplicates_listed", "100000", 1, 1000000,
        "pairs of likely duplicates that are listed, the likeliest"),
    RANGE(CONFIG_NUMBER, "identity.duplicates_comparisons", "1000000000", 1000, 1000000000000,
        "pairs of persons that one search compares at most"),

    SERVICE("tagging", "7130", "9130", "64G", "10"),
    RANGE(CONFIG_NUMBER, "tagging.questions_max", "5000", 1, 1000000,
        "counts told to who may not see people that new ones are held against; the oldest go"),
    RANGE(CONFIG_BYTES, "tagging.questions_size", "1G", MIB, TIB, "and what they take together"),
    RANGE(CONFIG_DURATION, "tagging.questions_age", "365d", HOUR, 36500 * DAY, "and for how long"),

    SERVICE("campaign", "7140", "9140", "64G", "10"),
    RANGE(CONFIG_NUMBER, "campaign.send_concurrency", "64", 1, 10000, "sends under way at once"),
    RANGE(CONFIG_DURATION, "campaign.send_timeout", "10s", 10, HOUR,
        "after which a send that got no answer is unknown"),
    TEXT("campaign.smtp_url", "", "mail server, smtp://host:port or smtps://…; empty: no email is sent"),
    TEXT("campaign.smtp_from", "", "sender address of email"),

    SERVICE("audit", "7150", "9150", "64G", "0"),
    HTTP("audit", "8090", "1", "1000"),
    TEXT("audit.origin", "",
        "the log's name under its signatures, of the first start for good; empty: quanyu/audit/ and a number "
        "of its own"),
    RANGE(CONFIG_NUMBER, "audit.search_threads", "2", 1, 64,
        "questions that are answered at once; others wait"),
    RANGE(CONFIG_DURATION, "audit.search_most", "60s", 1, HOUR,
        "how long answering one may take; then it is refused with 503"),
    RANGE(CONFIG_DURATION, "audit.guard_every", "60s", 100, HOUR,
        "how often new records are looked at for unusual use"),
    RANGE(CONFIG_DURATION, "audit.retention_notice", "7d", 0, 366 * DAY,
        "how long after a policy that keeps something for less time anything is pruned"),
    TEXT("audit.smtp_url", "",
        "mail server for alerts, smtp://host:port or smtps://…; empty: no email is sent"),
    TEXT("audit.smtp_from", "", "sender address of alerts"),
};

const size_t config_setting_count = COUNT_OF(config_settings);
