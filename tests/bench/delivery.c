/* SPDX-License-Identifier: Apache-2.0 */
/* From an event to what it sets off: sends one event for each of COUNT known persons, and takes the webhooks
 * that a journey sends for them; the bodies bear the person's number as {"person":"%08u"}. Prints a JSON
 * line.
 *
 * usage: bench_delivery GATEWAY_PORT WRITE_KEY WEBHOOK_PORT FIRST_PERSON COUNT PER_SECOND */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#define GRACE_SECONDS 10
#define WAITED_EVENTS 64

struct peer {
    int socket;
    size_t received;
    char bytes[16384];
};

struct delivery {
    unsigned gateway_port, hook_port, first, count;
    double rate;
    char authorization[300];
    int epoll, listener;
    struct peer gateway; /* answers to what was sent; one request in flight */
    bool waiting;
    unsigned sent, arrived, twice;
    double *sent_at, *took_ms;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(bool failed, const char *what)
{
    if (!failed)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in address_of(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(struct delivery *delivery, int socket, void *data)
{
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(socket, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    epoll_ctl(delivery->epoll, EPOLL_CTL_ADD, socket, &event);
}

static void open_all(struct delivery *delivery)
{
    struct sockaddr_in gateway = address_of(delivery->gateway_port), hook = address_of(delivery->hook_port);
    int on = 1;
    delivery->epoll = epoll_create1(0);
    delivery->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(delivery->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    check(
        bind(delivery->listener, (struct sockaddr *)&hook, sizeof(hook)) || listen(delivery->listener, 1024),
        "listen");
    watch(delivery, delivery->listener, NULL);
    delivery->gateway.socket = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(delivery->gateway.socket, (struct sockaddr *)&gateway, sizeof(gateway)), "connect");
    watch(delivery, delivery->gateway.socket, &delivery->gateway);
}

static void send_next(struct delivery *delivery)
{
    char body[600], request[1200], time_text[32];
    time_t second = time(NULL);
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    unsigned person = delivery->first + delivery->sent;
    int size = snprintf(body, sizeof(body),
        "{\"type\":\"track\",\"event\":\"Bench Trigger\",\"messageId\":\"trigger-%ld-%u\",\"userId\":"
        "\"user-%08u\",\"timestamp\":\"%s\",\"properties\":{\"step\":1}}",
        (long)second, person, person, time_text);
    int length = snprintf(request, sizeof(request),
        "POST /v1/track HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic %s\r\nContent-Type: "
        "application/json\r\nContent-Length: %d\r\n\r\n%s",
        delivery->authorization, size, body);
    delivery->sent_at[delivery->sent++] = now();
    delivery->waiting = true;
    delivery->gateway.received = 0;
    check(send(delivery->gateway.socket, request, (size_t)length, MSG_NOSIGNAL) != length, "send");
}

/* The body's start once a whole message has arrived, NULL before. */
static char *whole_message(struct peer *peer)
{
    peer->bytes[peer->received] = 0;
    char *end = strstr(peer->bytes, "\r\n\r\n");
    char *length = end ? strcasestr(peer->bytes, "content-length:") : NULL;
    if (!length || peer->received < (size_t)(end + 4 - peer->bytes) + strtoul(length + 15, NULL, 10))
        return NULL;
    return end + 4;
}

static void note_arrival(struct delivery *delivery, const char *body)
{
    const char *number = strstr(body, "\"person\":\"");
    unsigned long person = number ? strtoul(number + 10, NULL, 10) : 0;
    if (!number || person < delivery->first || person >= delivery->first + delivery->sent)
        return;
    double *took = &delivery->took_ms[person - delivery->first];
    if (*took > 0)
        delivery->twice++;
    else
        delivery->arrived++;
    *took = (now() - delivery->sent_at[person - delivery->first]) * 1e3;
}

static void take(struct delivery *delivery, struct peer *peer)
{
    static const char thanks[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    ssize_t count =
        recv(peer->socket, peer->bytes + peer->received, sizeof(peer->bytes) - 1 - peer->received, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        check(peer == &delivery->gateway, "the gateway closed the connection");
        close(peer->socket);
        free(peer);
        return;
    }
    peer->received += (size_t)count;
    char *body = whole_message(peer);
    if (!body)
        return;
    peer->received = 0;
    if (peer == &delivery->gateway) {
        delivery->waiting = false;
        return;
    }
    note_arrival(delivery, body);
    send(peer->socket, thanks, sizeof(thanks) - 1, MSG_NOSIGNAL);
}

static void accept_one(struct delivery *delivery)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    check(!peer, "memory");
    peer->socket = accept(delivery->listener, NULL, NULL);
    if (peer->socket < 0)
        free(peer);
    else
        watch(delivery, peer->socket, peer);
}

static void run(struct delivery *delivery)
{
    double due = now(), end = due + delivery->count / delivery->rate + GRACE_SECONDS;
    struct epoll_event events[WAITED_EVENTS];
    while (delivery->arrived < delivery->count && now() < end) {
        if (delivery->sent < delivery->count && !delivery->waiting && now() >= due) {
            due += 1 / delivery->rate;
            send_next(delivery);
        }
        int count = epoll_wait(delivery->epoll, events, WAITED_EVENTS, 1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                take(delivery, events[i].data.ptr);
            else
                accept_one(delivery);
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What never arrived counts as the longest. */
static void report(struct delivery *delivery)
{
    for (unsigned i = 0; i < delivery->count; i++)
        if (delivery->took_ms[i] <= 0)
            delivery->took_ms[i] = GRACE_SECONDS * 1e3;
    qsort(delivery->took_ms, delivery->count, sizeof(double), compare);
    printf("{\"sent\":%u,\"arrived\":%u,\"twice\":%u,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", delivery->sent,
        delivery->arrived, delivery->twice, delivery->took_ms[delivery->count / 2],
        delivery->took_ms[delivery->count * 99 / 100]);
}

int main(int argc, char **argv)
{
    static struct delivery delivery;
    if (argc != 7) {
        fprintf(
            stderr, "usage: %s GATEWAY_PORT WRITE_KEY WEBHOOK_PORT FIRST_PERSON COUNT PER_SECOND\n", argv[0]);
        return 2;
    }
    char key[200];
    snprintf(key, sizeof(key), "%s:", argv[2]);
    sodium_bin2base64(delivery.authorization, sizeof(delivery.authorization), (const unsigned char *)key,
        strlen(key), sodium_base64_VARIANT_ORIGINAL);
    delivery.gateway_port = (unsigned)strtoul(argv[1], NULL, 10);
    delivery.hook_port = (unsigned)strtoul(argv[3], NULL, 10);
    delivery.first = (unsigned)strtoul(argv[4], NULL, 10);
    delivery.count = (unsigned)strtoul(argv[5], NULL, 10);
    delivery.rate = strtod(argv[6], NULL);
    delivery.sent_at = calloc(delivery.count, sizeof(double));
    delivery.took_ms = calloc(delivery.count, sizeof(double));
    if (delivery.count == 0 || delivery.rate <= 0 || !delivery.sent_at || !delivery.took_ms)
        return 2;
    open_all(&delivery);
    run(&delivery);
    report(&delivery);
    return delivery.arrived == delivery.count ? 0 : 1;
}
