/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a gateway busy over keep-alive connections, plain or over TLS, one request in flight on each, and prints a JSON line:
 * requests and events a second, latencies in ms. Every event is unique and about 670 bytes long.
 *
 * usage: bench_load --port=N [--host=ADDRESS] OPTIONS, see usage() */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENT_BYTES_MAX 1024
#define HEAD_BYTES_MAX 1024
#define LATENCIES_MAX ((size_t)1 << 24)
#define WAITED_EVENTS 256

enum kind {
    KIND_TRACK, /* views and orders of persons who are drawn at random */
    KIND_SEED,  /* two events for each person, in order: who it is, and a first order */
    KIND_POST,  /* one body again and again, "########" in it replaced by a person's number */
};

struct connection {
    int socket;
    SSL *ssl; /* NULL: plain */
    char *request;
    size_t size, sent;
    char answer[65536];
    size_t received;
    double started;
    bool busy;
};

struct load {
    enum kind kind;
    const char *host, *path, *body;
    char authorization[400];
    unsigned long port, batch, connections, persons, first_person, most_events;
    double seconds, rate;
    time_t second; /* for which `timestamp` was made */
    char timestamp[32];
    uint64_t next_event, random;
    uint64_t requests, events, sent, failures;
    bool closed;  /* the other side ended a connection */
    SSL_CTX *tls; /* NULL: plain */
    float *latencies;
    struct connection *all;
    int epoll;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t draw(struct load *load)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return load->random;
}

/* -- what is sent -- */

static const char *timestamp(struct load *load)
{
    time_t second = time(NULL);
    if (second != load->second) {
        struct tm tm;
        load->second = second;
        gmtime_r(&second, &tm);
        strftime(load->timestamp, sizeof(load->timestamp), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
    }
    return load->timestamp;
}

static int write_track(struct load *load, char *out, uint64_t number, uint64_t person, bool order)
{
    return snprintf(out, EVENT_BYTES_MAX,
        "{\"type\":\"track\",\"event\":\"%s\",\"messageId\":\"bench-%016" PRIu64
        "\",\"userId\":\"user-%08" PRIu64 "\",\"anonymousId\":\"b7f0c9a2-5d1e-4c3b-9a77-%012" PRIu64
        "\",\"timestamp\":\"%s\",\"properties\":{\"order_id\":\"o-%" PRIu64
        "\",\"total\":%u.%02u,\"currency\":\"CNY\",\"products\":[{\"product_id\":\"sku-%04u\","
        "\"quantity\":1,\"price\":%u.00,\"category\":\"skin care\"}],\"coupon\":\"SPRING\"},"
        "\"context\":{\"library\":{\"name\":\"analytics-node\",\"version\":\"3.1.0\"},"
        "\"channel\":\"mini_program\",\"page\":{\"path\":\"/cart\",\"title\":\"Cart\"},"
        "\"os\":{\"name\":\"iOS\",\"version\":\"17.2\"},\"locale\":\"zh-CN\",\"campaign\":{\"name\":"
        "\"spring\",\"source\":\"wechat\",\"medium\":\"social\"},\"device\":{\"type\":\"phone\"}}}",
        order ? "Order Completed" : "Product Viewed", number, person, person, timestamp(load), number,
        1 + (unsigned)(number % 500), (unsigned)(number % 100), (unsigned)(number % 3000),
        (unsigned)(number % 90));
}

/* Cities pick 0.1, 9.9, 10 and 80 % of the persons. */
static int write_identify(struct load *load, char *out, uint64_t number, uint64_t person)
{
    const char *city = person % 1000 == 0 ? "拉萨"
                       : person % 10 == 0 ? "广州"
                       : person % 10 == 1 ? "成都"
                                          : "上海";
    return snprintf(out, EVENT_BYTES_MAX,
        "{\"type\":\"identify\",\"messageId\":\"bench-%016" PRIu64 "\",\"userId\":\"user-%08" PRIu64
        "\",\"anonymousId\":\"b7f0c9a2-5d1e-4c3b-9a77-%012" PRIu64
        "\",\"timestamp\":\"%s\",\"traits\":{\"name\":\"%08" PRIu64
        "\",\"city\":\"%s\",\"phone\":\"13%09" PRIu64
        "\"},\"context\":{\"library\":{\"name\":\"analytics-node\",\"version\":\"3.1.0\"},"
        "\"channel\":\"mini_program\",\"locale\":\"zh-CN\"}}",
        number, person, person, timestamp(load), person, city, person);
}

static size_t write_event(struct load *load, char *out)
{
    uint64_t number = load->next_event++;
    if (load->kind == KIND_TRACK)
        return (size_t)write_track(load, out, number, draw(load) % load->persons, number % 10 == 0);
    uint64_t person = load->first_person + load->sent / 2;
    int size = load->sent % 2 == 0 ? write_identify(load, out, number, person)
                                   : write_track(load, out, number, person, person % 100 != 99);
    return (size_t)size;
}

static size_t write_events(struct load *load, char *body)
{
    size_t size = 0;
    if (load->batch > 1)
        size += (size_t)sprintf(body, "{\"batch\":[");
    for (unsigned long i = 0; i < load->batch; i++, load->sent++) {
        if (i > 0)
            body[size++] = ',';
        size += write_event(load, body + size);
    }
    if (load->batch > 1)
        size += (size_t)sprintf(body + size, "]}");
    return size;
}

static size_t write_body(struct load *load, char *body)
{
    if (load->kind != KIND_POST)
        return write_events(load, body);
    size_t size = strlen(load->body);
    memcpy(body, load->body, size + 1);
    char *place = strstr(body, "########"), digits[9];
    snprintf(digits, sizeof(digits), "%08u", (unsigned)(draw(load) % load->persons));
    if (place)
        memcpy(place, digits, 8);
    load->sent++;
    return size;
}

static void render(struct load *load, struct connection *connection)
{
    char *body = connection->request + HEAD_BYTES_MAX, head[HEAD_BYTES_MAX];
    size_t size = write_body(load, body);
    int length = snprintf(head, sizeof(head),
        "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n",
        load->path, load->authorization, size);
    memcpy(body - length, head, (size_t)length);
    connection->sent = HEAD_BYTES_MAX - (size_t)length;
    connection->size = HEAD_BYTES_MAX + size;
    connection->received = 0;
}

/* -- connections -- */

/* As send() and recv(). */
static ssize_t result_of(const struct connection *connection, int count)
{
    if (count > 0)
        return count;
    int why = SSL_get_error(connection->ssl, count);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t put(const struct connection *connection, const char *data, size_t size)
{
    return connection->ssl ? result_of(connection, SSL_write(connection->ssl, data, (int)size))
                           : send(connection->socket, data, size, MSG_NOSIGNAL);
}

static ssize_t get(const struct connection *connection, char *out, size_t size)
{
    return connection->ssl ? result_of(connection, SSL_read(connection->ssl, out, (int)size))
                           : recv(connection->socket, out, size, 0);
}

static void watch(struct load *load, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->socket, &event);
}

static void send_more(struct load *load, struct connection *connection, bool watched)
{
    while (connection->sent < connection->size) {
        ssize_t count =
            put(connection, connection->request + connection->sent, connection->size - connection->sent);
        if (count < 0 && errno == EAGAIN) {
            if (!watched)
                watch(load, connection, EPOLLIN | EPOLLOUT);
            return;
        }
        if (count < 0) {
            load->closed = true;
            return;
        }
        connection->sent += (size_t)count;
    }
    if (watched)
        watch(load, connection, EPOLLIN);
}

static bool may_send(const struct load *load)
{
    return load->most_events == 0 || load->sent < load->most_events;
}

static void start(struct load *load, struct connection *connection)
{
    render(load, connection);
    connection->busy = true;
    connection->started = now();
    send_more(load, connection, false);
}

static void count_answer(struct load *load, struct connection *connection)
{
    if (strncmp(connection->answer, "HTTP/1.1 200", 12) == 0)
        load->events += load->batch;
    else if (load->failures++ == 0)
        fprintf(stderr, "%.600s\n", connection->answer);
    if (load->requests < LATENCIES_MAX)
        load->latencies[load->requests] = (float)((now() - connection->started) * 1e3);
    load->requests++;
    connection->busy = false;
}

static bool is_whole(const struct connection *connection)
{
    char *end = strstr(connection->answer, "\r\n\r\n");
    char *length = end ? strcasestr(connection->answer, "content-length:") : NULL;
    return length &&
           connection->received >= (size_t)(end + 4 - connection->answer) + strtoul(length + 15, NULL, 10);
}

/* True when the whole answer is there. Else it reads to the end: the socket does not tell of what OpenSSL
 * holds. */
static bool receive(struct load *load, struct connection *connection)
{
    ssize_t count;
    while ((count = get(connection, connection->answer + connection->received,
                sizeof(connection->answer) - 1 - connection->received)) > 0) {
        connection->received += (size_t)count;
        connection->answer[connection->received] = 0;
        if (is_whole(connection)) {
            count_answer(load, connection);
            return true;
        }
    }
    load->closed = load->closed || count == 0 || errno != EAGAIN;
    return false;
}

/* With any certificate: it is the speed that is of interest. */
static void agree_on_tls(const struct load *load, struct connection *connection)
{
    connection->ssl = SSL_new(load->tls);
    SSL_set_fd(connection->ssl, connection->socket);
    SSL_set_mode(connection->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_connect(connection->ssl) != 1) {
        fprintf(stderr, "TLS cannot be agreed on\n");
        exit(1);
    }
}

static void open_connection(struct load *load, struct connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    int on = 1;
    inet_pton(AF_INET, load->host, &address.sin_addr);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (load->tls)
        agree_on_tls(load, connection);
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->request = malloc(2 * HEAD_BYTES_MAX + EVENT_BYTES_MAX * (load->batch + 4));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->socket, &event);
}

/* -- the run -- */

/* Begins what is due on connections that are free; at a given rate they take turns. */
static void start_due(struct load *load, double *due, unsigned long *turn)
{
    for (unsigned long i = 0; i < load->connections && may_send(load); i++) {
        if (load->rate > 0 && *due > now())
            return;
        struct connection *connection = &load->all[(*turn + i) % load->connections];
        if (connection->busy)
            continue;
        *due += load->rate > 0 ? 1 / load->rate : 0;
        start(load, connection);
        *turn = (unsigned long)(connection - load->all) + 1;
    }
}

static bool any_busy(const struct load *load)
{
    for (unsigned long i = 0; i < load->connections; i++)
        if (load->all[i].busy)
            return true;
    return false;
}

static void run(struct load *load)
{
    double begun = now(), end = begun + load->seconds, due = begun;
    struct epoll_event events[WAITED_EVENTS];
    unsigned long turn = 0;
    while (!load->closed && now() < end && (may_send(load) || any_busy(load))) {
        start_due(load, &due, &turn);
        int count = epoll_wait(load->epoll, events, WAITED_EVENTS, load->rate > 0 ? 1 : 100);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_more(load, connection, true);
            if (events[i].events & ~(uint32_t)EPOLLOUT && receive(load, connection) && load->rate <= 0 &&
                may_send(load))
                start(load, connection);
        }
    }
    load->seconds = now() - begun;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void report(struct load *load)
{
    size_t count = load->requests < LATENCIES_MAX ? load->requests : LATENCIES_MAX;
    qsort(load->latencies, count, sizeof(float), compare);
    printf("{\"seconds\":%.3f,\"requests_per_second\":%.0f,\"events_per_second\":%.0f,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f,\"requests\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"accepted\":%" PRIu64
           ",\"failures\":%" PRIu64 ",\"closed\":%s}\n",
        load->seconds, (double)load->requests / load->seconds, (double)load->events / load->seconds,
        count ? (double)load->latencies[count / 2] : 0, count ? (double)load->latencies[count * 99 / 100] : 0,
        load->requests, load->sent, load->events, load->failures, load->closed ? "true" : "false");
}

/* -- arguments -- */

static void usage(void)
{
    fprintf(stderr,
        "usage: bench_load --port=N [--host=127.0.0.1] --seconds=N [--connections=N] [--rate=REQUESTS_PER_"
        "SECOND] [--tls]\n"
        "  events:   --key=WRITE_KEY [--seed [--from=PERSON]] [--batch=N] [--persons=N] [--first=NUMBER] "
        "[--events=MOST]\n"
        "  requests: --token=BEARER --path=PATH --body=JSON [--persons=N]   ######## becomes a person\n");
    exit(2);
}

static void authorise(struct load *load, const char *key)
{
    char text[200];
    snprintf(text, sizeof(text), "%s:", key);
    size_t length = (size_t)sprintf(load->authorization, "Basic ");
    sodium_bin2base64(load->authorization + length, sizeof(load->authorization) - length,
        (const unsigned char *)text, strlen(text), sodium_base64_VARIANT_ORIGINAL);
}

static void take_option(struct load *load, int option)
{
    switch (option) {
    case 'h':
        load->host = optarg;
        break;
    case 'p':
        load->port = strtoul(optarg, NULL, 10);
        break;
    case 's':
        load->seconds = strtod(optarg, NULL);
        break;
    case 'c':
        load->connections = strtoul(optarg, NULL, 10);
        break;
    case 'r':
        load->rate = strtod(optarg, NULL);
        break;
    case 'k':
        authorise(load, optarg);
        break;
    case 'S':
        load->kind = KIND_SEED;
        break;
    case 'b':
        load->batch = strtoul(optarg, NULL, 10);
        break;
    case 'n':
        load->persons = strtoul(optarg, NULL, 10);
        break;
    case 'f':
        load->next_event = strtoull(optarg, NULL, 10);
        break;
    case 'e':
        load->most_events = strtoul(optarg, NULL, 10);
        break;
    case 'F':
        load->first_person = strtoul(optarg, NULL, 10);
        break;
    case 't':
        snprintf(load->authorization, sizeof(load->authorization), "Bearer %s", optarg);
        break;
    case 'P':
        load->path = optarg;
        break;
    case 'T':
        load->tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_read_ahead(load->tls, 1);
        break;
    case 'B':
        load->body = optarg;
        load->kind = KIND_POST;
        break;
    default:
        usage();
    }
}

static void read_arguments(struct load *load, int argc, char **argv)
{
    static const struct option options[] = {{"host", 1, NULL, 'h'}, {"port", 1, NULL, 'p'},
        {"seconds", 1, NULL, 's'}, {"connections", 1, NULL, 'c'}, {"rate", 1, NULL, 'r'},
        {"key", 1, NULL, 'k'}, {"seed", 0, NULL, 'S'}, {"batch", 1, NULL, 'b'}, {"persons", 1, NULL, 'n'},
        {"first", 1, NULL, 'f'}, {"events", 1, NULL, 'e'}, {"from", 1, NULL, 'F'}, {"token", 1, NULL, 't'},
        {"path", 1, NULL, 'P'}, {"body", 1, NULL, 'B'}, {"tls", 0, NULL, 'T'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        take_option(load, option);
    if (load->port == 0 || load->seconds <= 0 || load->batch == 0 || load->connections == 0 ||
        load->persons == 0 || (load->kind == KIND_POST) != (load->path != NULL) ||
        (load->body && strlen(load->body) > EVENT_BYTES_MAX))
        usage();
    if (!load->path)
        load->path = load->batch > 1 ? "/v1/batch" : load->kind == KIND_SEED ? "/v1/import" : "/v1/track";
}

int main(int argc, char **argv)
{
    struct load load = {.host = "127.0.0.1",
        .batch = 1,
        .connections = 1,
        .persons = 100000,
        .next_event = (uint64_t)time(NULL) * 1000000,
        .random = 88172645463325252u};
    read_arguments(&load, argc, argv);
    load.latencies = malloc(LATENCIES_MAX * sizeof(float));
    load.all = calloc(load.connections, sizeof(*load.all));
    load.epoll = epoll_create1(0);
    for (unsigned long i = 0; i < load.connections; i++)
        open_connection(&load, &load.all[i]);
    run(&load);
    report(&load);
    return load.failures > 0 || load.closed ? 1 : 0;
}
