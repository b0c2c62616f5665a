/* SPDX-License-Identifier: Apache-2.0 */
/* Sends events to a gateway over keep-alive connections, one request in flight on each, and prints a JSON
 * line: requests and events a second, latencies in ms. Every event is unique and about 670 bytes long.
 *
 * usage: bench_load PORT WRITE_KEY BATCH CONNECTIONS SECONDS [REQUESTS_PER_SECOND [PERSONS [FIRST_NUMBER]]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ID_DIGITS 16
#define EVENT_BYTES_MAX 1024
#define LATENCIES_MAX ((size_t)1 << 24)

struct connection {
    int socket;
    char *request;
    size_t size, sent;
    char answer[4096];
    size_t received;
    double started;
    bool busy;
};

struct load {
    unsigned long port, batch, connections, persons;
    double seconds, rate;
    const char *write_key;
    uint64_t next_event;
    uint64_t random;
    uint64_t requests, events, failures;
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

static int write_event(struct load *load, char *out)
{
    uint64_t number = load->next_event++, person = draw(load) % load->persons;
    return snprintf(out, EVENT_BYTES_MAX,
        "{\"type\":\"track\",\"event\":\"%s\",\"messageId\":\"bench-%0*" PRIu64
        "\",\"userId\":\"user-%08" PRIu64 "\","
        "\"anonymousId\":\"b7f0c9a2-5d1e-4c3b-9a77-%012" PRIu64
        "\",\"timestamp\":\"2026-01-01T00:00:00.000Z\","
        "\"properties\":{\"order_id\":\"o-%" PRIu64
        "\",\"total\":%u.%02u,\"currency\":\"CNY\",\"products\":[{\"product_id\":"
        "\"sku-%04u\",\"quantity\":1,\"price\":%u.00,\"category\":\"skin care\"}],\"coupon\":\"SPRING\"},"
        "\"context\":{\"library\":{\"name\":\"analytics-node\",\"version\":\"3.1.0\"},\"channel\":\"mini_"
        "program\","
        "\"page\":{\"path\":\"/"
        "cart\",\"title\":\"Cart\"},\"os\":{\"name\":\"iOS\",\"version\":\"17.2\"},\"locale\":\"zh-CN\","
        "\"campaign\":{\"name\":\"spring\",\"source\":\"wechat\",\"medium\":\"social\"},\"device\":{\"type\":"
        "\"phone\"}}}",
        number % 10 == 0 ? "Order Completed" : "Product Viewed", ID_DIGITS, number, person, person, number,
        (unsigned)(number % 500), (unsigned)(number % 100), (unsigned)(number % 3000),
        (unsigned)(number % 90));
}

static void render(struct load *load, struct connection *connection)
{
    char key[200], basic[300], *body = connection->request + 512;
    size_t size = 0;
    snprintf(key, sizeof(key), "%s:", load->write_key);
    sodium_bin2base64(
        basic, sizeof(basic), (const unsigned char *)key, strlen(key), sodium_base64_VARIANT_ORIGINAL);
    if (load->batch > 1)
        size += (size_t)sprintf(body, "{\"batch\":[");
    for (unsigned long i = 0; i < load->batch; i++) {
        if (i > 0)
            body[size++] = ',';
        size += (size_t)write_event(load, body + size);
    }
    if (load->batch > 1)
        size += (size_t)sprintf(body + size, "]}");
    char head[512];
    int length = snprintf(head, sizeof(head),
        "POST /v1/%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n",
        load->batch > 1 ? "batch" : "track", basic, size);
    memmove(body - length, head, (size_t)length);
    connection->sent = 512 - (size_t)length;
    connection->size = 512 + size;
    connection->received = 0;
}

static void watch(struct load *load, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->socket, &event);
}

static void send_more(struct load *load, struct connection *connection)
{
    while (connection->sent < connection->size) {
        ssize_t count = send(connection->socket, connection->request + connection->sent,
            connection->size - connection->sent, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN) {
                perror("send");
                exit(1);
            }
            watch(load, connection, EPOLLIN | EPOLLOUT);
            return;
        }
        connection->sent += (size_t)count;
    }
    watch(load, connection, EPOLLIN);
}

static void start(struct load *load, struct connection *connection)
{
    render(load, connection);
    connection->busy = true;
    connection->started = now();
    send_more(load, connection);
}

/* True when the whole answer is there. */
static bool receive(struct load *load, struct connection *connection)
{
    ssize_t count = recv(connection->socket, connection->answer + connection->received,
        sizeof(connection->answer) - 1 - connection->received, 0);
    if (count <= 0) {
        if (count < 0 && errno == EAGAIN)
            return false;
        fprintf(stderr, "the gateway closed a connection\n");
        exit(1);
    }
    connection->received += (size_t)count;
    connection->answer[connection->received] = 0;
    char *end = strstr(connection->answer, "\r\n\r\n");
    char *length = end ? strcasestr(connection->answer, "content-length:") : NULL;
    if (!length ||
        connection->received < (size_t)(end + 4 - connection->answer) + strtoul(length + 15, NULL, 10))
        return false;
    if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0 && load->failures++ == 0)
        fprintf(stderr, "%s\n", connection->answer);
    if (load->requests < LATENCIES_MAX)
        load->latencies[load->requests] = (float)((now() - connection->started) * 1e3);
    load->requests++;
    load->events += load->batch;
    connection->busy = false;
    return true;
}

static void open_connection(struct load *load, struct connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->request = malloc(1024 + EVENT_BYTES_MAX * load->batch);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->socket, &event);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void run(struct load *load)
{
    double begun = now(), end = begun + load->seconds, due = begun;
    struct epoll_event events[256];
    unsigned long idle_at = 0;
    while (now() < end) {
        for (unsigned long i = 0; i < load->connections; i++) {
            struct connection *connection = &load->all[(idle_at + i) % load->connections];
            if (connection->busy)
                continue;
            if (load->rate > 0 && due > now())
                break;
            due += load->rate > 0 ? 1 / load->rate : 0;
            start(load, connection);
            idle_at = (unsigned long)(connection - load->all) + 1;
        }
        int count = epoll_wait(load->epoll, events, 256, load->rate > 0 ? 1 : 100);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_more(load, connection);
            if (events[i].events & EPOLLIN && receive(load, connection) && load->rate <= 0)
                start(load, connection);
        }
    }
    load->seconds = now() - begun;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(
            stderr, "usage: %s PORT WRITE_KEY BATCH CONNECTIONS SECONDS [RATE [PERSONS [FIRST]]]\n", argv[0]);
        return 2;
    }
    struct load load = {
        .port = strtoul(argv[1], NULL, 10),
        .write_key = argv[2],
        .batch = strtoul(argv[3], NULL, 10),
        .connections = strtoul(argv[4], NULL, 10),
        .seconds = strtod(argv[5], NULL),
        .rate = argc > 6 ? strtod(argv[6], NULL) : 0,
        .persons = argc > 7 ? strtoul(argv[7], NULL, 10) : 100000,
        .next_event = argc > 8 ? strtoull(argv[8], NULL, 10) : (uint64_t)time(NULL) * 10000000,
        .random = 88172645463325252u,
    };
    load.latencies = malloc(LATENCIES_MAX * sizeof(float));
    load.all = calloc(load.connections, sizeof(*load.all));
    load.epoll = epoll_create1(0);
    for (unsigned long i = 0; i < load.connections; i++)
        open_connection(&load, &load.all[i]);
    run(&load);
    size_t count = load.requests < LATENCIES_MAX ? load.requests : LATENCIES_MAX;
    qsort(load.latencies, count, sizeof(float), compare);
    printf("{\"requests_per_second\":%.0f,\"events_per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"failures\":%" PRIu64 "}\n",
        (double)load.requests / load.seconds, (double)load.events / load.seconds,
        count ? (double)load.latencies[count / 2] : 0, count ? (double)load.latencies[count * 99 / 100] : 0,
        load.failures);
    return load.failures ? 1 : 0;
}
