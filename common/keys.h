/* SPDX-License-Identifier: Apache-2.0 */
/* CURVE keys of the processes, secrets of the services, and the ZAP handler that lets in nobody else.
 *
 * Keys live under <data>/keys: `<name>.key` (the secret pair, mode 0600) and `<name>.pub`; made at first
 * start, never shipped. A service needs its own .key and the others' .pub. Names are the five services' and
 * "cli". */
#ifndef QY_COMMON_KEYS_H
#define QY_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_Z85 41

/* Makes every pair that is missing under `directory` (made too), safely when several processes do so at once.
 * Where only a .pub is, the pair is kept on another machine and none is made. */
int keys_make(const char *directory);

struct keys {
    char name[32];
    char public_key[KEYS_Z85];
    char secret_key[KEYS_Z85];
};
/* -QY_ENOTFOUND, -QY_ECORRUPT (not a pair of keys). */
int keys_load(const char *directory, const char *name, struct keys *ret_keys);
int keys_load_public(const char *directory, const char *name, char ret_public[KEYS_Z85]);

/* A 32-byte secret of a service in a file of its own (mode 0600), made with random bytes when missing. */
int keys_secret(const char *path, uint8_t ret_secret[32]);

/* The ZAP handler: a thread that answers for this process's ZeroMQ context and admits the names listed
 * (NULL-terminated), by public key; a server socket then finds the name as the User-Id of each message. Start
 * it before the first bind; there is one in a process (-QY_EEXISTS). -QY_ENOTFOUND, -QY_ECORRUPT: a listed
 * name has no usable .pub, or two have the same. */
struct gatekeeper;
int gatekeeper_open(const char *directory, const char *const *names, struct gatekeeper **ret_gatekeeper);
void gatekeeper_close(struct gatekeeper **gatekeeper);

#endif
