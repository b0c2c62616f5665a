/* SPDX-License-Identifier: Apache-2.0 */
/* Where the other services are, and whether they answer: shared by all rpc_clients of a process.
 *
 * A peer that let a call time out, or could not be reached, is suspect: further calls to it fail at once, but
 * for one probe at a time, at most each 250 ms. An answer to anyone clears it. */
#ifndef QY_COMMON_PEERS_H
#define QY_COMMON_PEERS_H

#include "common/keys.h"

#define PEERS_MAX 16

struct peers;

struct peer {
    const char *name;     /* whose .pub it must prove to have */
    const char *endpoint; /* "tcp://127.0.0.1:7120" */
};

/* Everything is copied. -QY_ENOTFOUND, -QY_ECORRUPT: a peer's .pub under `keys_directory`. */
int peers_open(const struct keys *own, const char *keys_directory, const struct peer *addresses, size_t count,
    struct peers **ret_peers);
void peers_close(struct peers **peers);

/* -- for rpc_client; any thread -- */

const struct keys *peers_keys(const struct peers *peers);
size_t peers_count(const struct peers *peers);
/* PEERS_MAX when there is none of this name. */
size_t peers_index(const struct peers *peers, const char *name);
struct known_peer;
struct known_peer *peers_at(struct peers *peers, size_t index);
const char *peer_endpoint(const struct known_peer *peer);
const char *peer_public(const struct known_peer *peer);

enum peer_pass { PEER_REFUSED, PEER_FREE, PEER_PROBE };
/* Asks to make a call; each pass but PEER_REFUSED is given back by peer_leave(). */
enum peer_pass peer_enter(struct known_peer *peer);
enum peer_outcome { PEER_ANSWERED, PEER_SILENT, PEER_UNKNOWN };
void peer_leave(struct known_peer *peer, enum peer_pass pass, int64_t entered_ms, enum peer_outcome outcome);

#endif
