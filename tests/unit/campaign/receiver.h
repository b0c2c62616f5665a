/* SPDX-License-Identifier: Apache-2.0 */
/* Scripted receivers on real sockets: a web server whose answer the path chooses, and a mail server whose
 * answer the recipient's name chooses. Each connection has a thread of its own; what came is kept for the
 * test to look at. */
#ifndef QY_TESTS_CAMPAIGN_RECEIVER_H
#define QY_TESTS_CAMPAIGN_RECEIVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVED_MAX 64
#define RECEIVED_BYTES 16384

/* What one connection brought. */
struct received {
    char key[128];             /* the path, or the recipient */
    char data[RECEIVED_BYTES]; /* the request, or the mail */
    size_t size;
    size_t head; /* bytes before the body */
};

struct receiver {
    int listener;
    uint16_t port;
    void (*serve)(struct receiver *receiver, int socket);
    pthread_t acceptor;
    pthread_t threads[RECEIVED_MAX];
    int sockets[RECEIVED_MAX]; /* by connection; shut down at the end, so that nothing hangs for ever */
    unsigned connections;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct received received[RECEIVED_MAX];
    unsigned count;
    bool is_released; /* whoever was told to wait may go on */
};

struct receiver_task {
    struct receiver *receiver;
    int socket;
};

static inline void *receiver_connection(void *data)
{
    struct receiver_task *task = data;
    task->receiver->serve(task->receiver, task->socket);
    shutdown(task->socket, SHUT_RDWR);
    free(task);
    return NULL;
}

static inline void *receiver_accept(void *data)
{
    struct receiver *receiver = data;
    for (;;) {
        int socket = accept(receiver->listener, NULL, NULL);
        if (socket < 0)
            return NULL;
        struct receiver_task *task = malloc(sizeof(*task));
        *task = (struct receiver_task){receiver, socket};
        pthread_mutex_lock(&receiver->lock);
        unsigned index = receiver->connections++;
        receiver->sockets[index] = socket;
        pthread_create(&receiver->threads[index], NULL, receiver_connection, task);
        pthread_mutex_unlock(&receiver->lock);
        if (index + 1 == RECEIVED_MAX)
            return NULL;
    }
}

static inline int receiver_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        abort();
    *ret_port = ntohs(address.sin_port);
    return listener;
}

static inline void receiver_open(
    struct receiver *receiver, void (*serve)(struct receiver *receiver, int socket))
{
    memset(receiver, 0, sizeof(*receiver));
    receiver->serve = serve;
    receiver->listener = receiver_listen(&receiver->port);
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->changed, NULL);
    pthread_create(&receiver->acceptor, NULL, receiver_accept, receiver);
}

static inline void receiver_release(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->is_released = true;
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static inline void receiver_await_release(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    while (!receiver->is_released)
        pthread_cond_wait(&receiver->changed, &receiver->lock);
    pthread_mutex_unlock(&receiver->lock);
}

static inline void receiver_close(struct receiver *receiver)
{
    receiver_release(receiver);
    shutdown(receiver->listener, SHUT_RDWR);
    pthread_join(receiver->acceptor, NULL);
    close(receiver->listener);
    for (unsigned i = 0; i < receiver->connections; i++) {
        shutdown(receiver->sockets[i], SHUT_RDWR);
        pthread_join(receiver->threads[i], NULL);
        close(receiver->sockets[i]);
    }
    pthread_mutex_destroy(&receiver->lock);
    pthread_cond_destroy(&receiver->changed);
}

static inline void receiver_keep(struct receiver *receiver, const struct received *received)
{
    pthread_mutex_lock(&receiver->lock);
    if (receiver->count < RECEIVED_MAX)
        receiver->received[receiver->count++] = *received;
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

/* Until so many have come. */
static inline void receiver_await(struct receiver *receiver, unsigned count)
{
    pthread_mutex_lock(&receiver->lock);
    while (receiver->count < count)
        pthread_cond_wait(&receiver->changed, &receiver->lock);
    pthread_mutex_unlock(&receiver->lock);
}

static inline unsigned receiver_count(struct receiver *receiver, const char *key)
{
    unsigned count = 0;
    pthread_mutex_lock(&receiver->lock);
    for (unsigned i = 0; i < receiver->count; i++)
        count += strcmp(receiver->received[i].key, key) == 0;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}

/* The first one of this key; NULL when there is none. Nothing is removed, so it stays valid. */
static inline const struct received *receiver_find(struct receiver *receiver, const char *key)
{
    const struct received *found = NULL;
    pthread_mutex_lock(&receiver->lock);
    for (unsigned i = 0; i < receiver->count && !found; i++)
        if (strcmp(receiver->received[i].key, key) == 0)
            found = &receiver->received[i];
    pthread_mutex_unlock(&receiver->lock);
    return found;
}

/* A header's value, from a request or a mail; "" when it is not there. */
static inline const char *received_header(const struct received *received, const char *name, char value[512])
{
    size_t size = strlen(name);
    value[0] = '\0';
    const char *end = received->data + received->head;
    for (const char *line = received->data; line && line < end; line = strstr(line, "\r\n")) {
        if (line != received->data)
            line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':') {
            const char *from = line + size + 1 + (line[size + 1] == ' ');
            snprintf(value, 512, "%.*s", (int)strcspn(from, "\r\n"), from);
            break;
        }
    }
    return value;
}

/* -- the web server -- */

static inline bool web_read(int socket, struct received *received)
{
    size_t body = 0;
    received->size = received->head = 0;
    while (received->head == 0 || received->size < received->head + body) {
        ssize_t size =
            recv(socket, received->data + received->size, sizeof(received->data) - 1 - received->size, 0);
        if (size <= 0)
            return false;
        received->size += (size_t)size;
        received->data[received->size] = '\0';
        const char *end = strstr(received->data, "\r\n\r\n");
        if (received->head == 0 && end) {
            char length[512];
            received->head = (size_t)(end - received->data) + 4;
            body = strtoul(received_header(received, "Content-Length", length), NULL, 10);
        }
    }
    return sscanf(received->data, "POST %127s", received->key) == 1;
}

static inline void say(int socket, const char *text)
{
    size_t size = strlen(text);
    if (send(socket, text, size, MSG_NOSIGNAL) != (ssize_t)size)
        return; /* the other side has gone: the test sees what it made of that */
}

/* Until the other side closes. */
static inline void hang(int socket)
{
    char byte;
    while (recv(socket, &byte, 1, 0) > 0)
        continue;
}

static const struct {
    const char *path;
    const char *answer; /* NULL: none, the connection hangs; "": it is closed */
} web_script[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    {"/empty", "HTTP/1.1 204 No Content\r\n\r\n"},
    {"/busy", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"},
    {"/down", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
    {"/error", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"},
    {"/gateway", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"},
    {"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
    {"/moved", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"},
    {"/half", "HTTP/1.1 2"},
    {"/closed", ""},
    {"/hang", NULL},
};

static inline void web_answer(int socket, const char *path)
{
    for (size_t i = 0; i < sizeof(web_script) / sizeof(web_script[0]); i++) {
        if (strcmp(web_script[i].path, path) != 0)
            continue;
        if (web_script[i].answer)
            say(socket, web_script[i].answer);
        else
            hang(socket);
    }
}

/* Keeps the connection after a whole answer, as servers do. */
static inline void web_serve(struct receiver *receiver, int socket)
{
    struct received *received = calloc(1, sizeof(*received));
    bool more = true;
    while (more && web_read(socket, received)) {
        receiver_keep(receiver, received);
        more = strcmp(received->key, "/ok") == 0 || strcmp(received->key, "/missing") == 0;
        web_answer(socket, received->key);
    }
    free(received);
}

/* -- the mail server -- */

/* A line without its end; false when the connection is closed. */
static inline bool mail_line(int socket, char *line, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = recv(socket, line + used, 1, 0);
        if (got <= 0)
            return false;
        if (line[used++] == '\n')
            break;
    }
    while (used > 0 && (line[used - 1] == '\n' || line[used - 1] == '\r'))
        used--;
    line[used] = '\0';
    return true;
}

static const struct {
    const char *recipient; /* name before the @ */
    /* NULL: 250; "": closes; "hang": never answers; "wait": 250 once the receiver is released */
    const char *at_rcpt;
    const char *at_end;
} mail_script[] = {
    {"nobody", "550 5.1.1 no such user\r\n", NULL},
    {"later", "450 4.2.0 greylisted\r\n", NULL},
    {"bye", "421-4.3.2 going down\r\n421 4.3.2 come back\r\n", NULL},
    {"dropped", "", NULL},
    {"mute", "hang", NULL},
    {"babble", "hello?\r\n", NULL},
    {"spam", NULL, "554 5.7.1 not wanted\r\n"},
    {"full", NULL, "452 4.2.2 mailbox full\r\n"},
    {"lost", NULL, ""},
    {"hang", NULL, "hang"},
    {"patience", NULL, "wait"},
    {"polite", NULL, "250-2.0.0 taken\r\n250 2.0.0 thank you\r\n"},
};

static inline const char *mail_scripted(const char *recipient, bool at_end)
{
    size_t name = strcspn(recipient, "@");
    for (size_t i = 0; i < sizeof(mail_script) / sizeof(mail_script[0]); i++)
        if (strlen(mail_script[i].recipient) == name &&
            strncmp(mail_script[i].recipient, recipient, name) == 0)
            return at_end ? mail_script[i].at_end : mail_script[i].at_rcpt;
    return NULL;
}

/* Takes the mail's lines up to the single dot, undoing the dots that were doubled. */
static inline bool mail_content(int socket, struct received *mail)
{
    char line[2048];
    while (mail_line(socket, line, sizeof(line))) {
        if (strcmp(line, ".") == 0)
            return true;
        int written = snprintf(mail->data + mail->size, sizeof(mail->data) - mail->size, "%s\r\n",
            line[0] == '.' ? line + 1 : line);
        mail->size += (size_t)written;
        if (mail->head == 0 && !line[0])
            mail->head = mail->size;
    }
    return false;
}

/* False when it was the last one. */
static inline bool mail_answer(struct receiver *receiver, int socket, const char *answer)
{
    if (answer && strcmp(answer, "wait") == 0) {
        receiver_await_release(receiver);
        answer = NULL;
    }
    if (answer && strcmp(answer, "hang") == 0)
        hang(socket);
    else
        say(socket, answer ? answer : "250 ok\r\n");
    return !answer || *answer;
}

static inline bool mail_command(
    struct receiver *receiver, int socket, const char *line, struct received *mail)
{
    if (strncasecmp(line, "RCPT TO:<", 9) == 0) {
        snprintf(mail->key, sizeof(mail->key), "%.*s", (int)strcspn(line + 9, ">"), line + 9);
        return mail_answer(receiver, socket, mail_scripted(mail->key, false));
    }
    if (strcasecmp(line, "DATA") == 0) {
        say(socket, "354 go on\r\n");
        if (!mail_content(socket, mail))
            return false;
        receiver_keep(receiver, mail);
        return mail_answer(receiver, socket, mail_scripted(mail->key, true));
    }
    say(socket, strncasecmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 ok\r\n");
    return strncasecmp(line, "QUIT", 4) != 0;
}

static inline void mail_serve(struct receiver *receiver, int socket)
{
    struct received *mail = calloc(1, sizeof(*mail));
    char line[2048];
    say(socket, "220 test ESMTP\r\n");
    while (mail_line(socket, line, sizeof(line)) && mail_command(receiver, socket, line, mail))
        continue;
    free(mail);
}

#endif
