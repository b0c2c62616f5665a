/* SPDX-License-Identifier: Apache-2.0 */
#include "common/peers.h"

#include "common/deadline.h"
#include "common/error.h"
#include "common/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_MS 250

struct known_peer {
    char name[32];
    char *endpoint;
    char public_key[KEYS_Z85];
    pthread_mutex_t lock; /* for all below */
    bool suspect;
    bool probing;
    int64_t next_probe_ms;
    int64_t answered_ms;
};

struct peers {
    struct keys own;
    size_t count;
    struct known_peer peer[PEERS_MAX];
};

static int add(struct peers *peers, const char *directory, const struct peer *address)
{
    struct known_peer *peer = &peers->peer[peers->count];
    size_t size = strlen(address->name);
    if (peers->count == PEERS_MAX || size >= sizeof(peer->name))
        return -QY_ETOOLARGE;
    int code = keys_load_public(directory, address->name, peer->public_key);
    if (code < 0)
        return code;
    peer->endpoint = strdup(address->endpoint);
    if (!peer->endpoint)
        return -QY_ENOMEM;
    memcpy(peer->name, address->name, size + 1);
    pthread_mutex_init(&peer->lock, NULL);
    peers->count++;
    return 0;
}

int peers_open(const struct keys *own, const char *keys_directory, const struct peer *addresses, size_t count,
    struct peers **ret_peers)
{
    _cleanup_(peers_close) struct peers *peers = calloc(1, sizeof(*peers));
    if (!peers)
        return -QY_ENOMEM;
    peers->own = *own;
    for (size_t i = 0; i < count; i++) {
        int code = add(peers, keys_directory, &addresses[i]);
        if (code < 0)
            return code;
    }
    *ret_peers = TAKE(peers);
    return 0;
}

void peers_close(struct peers **peers)
{
    if (!*peers)
        return;
    for (size_t i = 0; i < (*peers)->count; i++) {
        free((*peers)->peer[i].endpoint);
        pthread_mutex_destroy(&(*peers)->peer[i].lock);
    }
    explicit_bzero(&(*peers)->own, sizeof((*peers)->own));
    free(*peers);
    *peers = NULL;
}

const struct keys *peers_keys(const struct peers *peers)
{
    return &peers->own;
}

size_t peers_count(const struct peers *peers)
{
    return peers->count;
}

size_t peers_index(const struct peers *peers, const char *name)
{
    for (size_t i = 0; i < peers->count; i++)
        if (strcmp(peers->peer[i].name, name) == 0)
            return i;
    return PEERS_MAX;
}

struct known_peer *peers_at(struct peers *peers, size_t index)
{
    return &peers->peer[index];
}

const char *peer_endpoint(const struct known_peer *peer)
{
    return peer->endpoint;
}

const char *peer_public(const struct known_peer *peer)
{
    return peer->public_key;
}

enum peer_pass peer_enter(struct known_peer *peer)
{
    enum peer_pass pass = PEER_FREE;
    pthread_mutex_lock(&peer->lock);
    if (peer->suspect) {
        bool probe = !peer->probing && monotonic_ms() >= peer->next_probe_ms;
        pass = probe ? PEER_PROBE : PEER_REFUSED;
        peer->probing |= probe;
    }
    pthread_mutex_unlock(&peer->lock);
    return pass;
}

/* One slow call does not make a peer suspect that has answered others meanwhile. */
void peer_leave(struct known_peer *peer, enum peer_pass pass, int64_t entered_ms, enum peer_outcome outcome)
{
    int64_t now = monotonic_ms();
    pthread_mutex_lock(&peer->lock);
    if (pass == PEER_PROBE) {
        peer->probing = false;
        peer->next_probe_ms = now + PROBE_MS;
    }
    if (outcome == PEER_ANSWERED) {
        peer->suspect = false;
        peer->answered_ms = now;
    } else if (outcome == PEER_SILENT && !peer->suspect && peer->answered_ms <= entered_ms) {
        peer->suspect = true;
        peer->next_probe_ms = now + PROBE_MS;
    }
    pthread_mutex_unlock(&peer->lock);
}
