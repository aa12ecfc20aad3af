/* The hub: listens, keeps the sessions, and has the store do what they ask.
 *
 *     sessions ──jobs──▶ work (work.h) ──▶ store
 *        ▲                    │
 *        └── answers, pushes to those who wait
 *
 * hub_remove() and what follows it is for session.c, the rest for main.c and the owner's interfaces. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "access_log.h"
#include "gate.h"
#include "pressure.h"
#include "store/store.h"
#include "work.h"

struct hub;
struct session;

struct hub_settings {
        unsigned connections_max;
        enum store_policy registration; /* who may have a new account */
        const char *reserved_names;     /* names.h; NULL: none */
        const char *rooms;              /* names between single spaces, at most ROOMS_MAX; NULL: none */
        uint32_t payload_max;           /* at most WIRE_PAYLOAD_MAX */
        uint32_t key_packages_low;
        uint64_t handshake_usec; /* for the handshake, and between frames before AUTHENTICATE */
        uint64_t idle_usec;      /* between frames after it */
        size_t memory_max;       /* bytes of all links' buffers; 0: no limit */
        struct gate_settings gate;
};

/* @store, @context and @log (may be NULL) must outlive the hub. */
int hub_new(sd_event *event, struct store *store, SSL_CTX *context, struct access_log *log,
            const struct hub_settings *settings, struct hub **out);

/* Other settings and limits from now on; times of silence are those of links that come from now on. -ENOMEM: nothing
 * has changed. */
int hub_configure(struct hub *h, const struct hub_settings *settings, const struct store_limits *limits);

/* Another access log, or NULL. The one before is not used any more. */
void hub_set_access_log(struct hub *h, struct access_log *log);

/* Copies of the listening sockets, the caller's to close, none of them with a number that sd_listen_fds(3) would give
 * one. Returns how many. */
enum { HUB_LISTENERS_MAX = 8 };
unsigned hub_listeners(const struct hub *h, int out[static HUB_LISTENERS_MAX]);

/* Takes over a listening, non-blocking socket. */
int hub_listen(struct hub *h, int fd);

/* Lets a batch that is under way end, tells all sessions that the hub is stopping, and ends. What is not answered by
 * then is repeated by who asked. Returns NULL. */
struct hub *hub_free(struct hub *h);

/* What goes on, and what has been done since the hub was made. */
struct hub_figures {
        unsigned connections, unproven; /* links now, and those of them that have not proven themselves */
        uint64_t accepted, refused;     /* links */
        uint64_t registrations;
        uint64_t messages, entries; /* taken from senders, and put in mailboxes for their receivers */
        size_t queued_bytes;        /* of requests that wait for the disk */
        size_t buffer_bytes;        /* of all links' buffers */
        uint64_t evicted;           /* links that were ended for the memory that they held */
        struct committer_figures commits;
};

struct hub_figures hub_figures(const struct hub *h);

/* The owner's own request to the store (INVITE, REVOKE, DELETE), in its turn among the others'; @request's name is
 * copied. @done is called from the loop, unless hub_forget() is called for its @userdata before. -ENOMEM. */
int hub_order(struct hub *h, const struct store_request *request,
              void (*done)(void *userdata, const struct store_request *request), void *userdata);
void hub_forget(struct hub *h, const void *userdata);

/* Forgets a session that ends: its open jobs are run without it. */
void hub_remove(struct hub *h, struct session *s);

/* Makes @s the mailbox's session; the one before is sent away. */
void hub_attach(struct hub *h, struct session *s, int64_t mailbox);

struct work *hub_work(struct hub *h);
struct gate *hub_gate(struct hub *h);
struct pressure *hub_pressure(struct hub *h);
const struct hub_settings *hub_settings(const struct hub *h);
struct store *hub_store(struct hub *h);
struct access_log *hub_access_log(struct hub *h);
sd_event *hub_event(struct hub *h);
uint64_t hub_now(struct hub *h); /* CLOCK_BOOTTIME, µs */
