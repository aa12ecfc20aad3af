/* A link: the client's side of the wire, for one account.
 *
 *     RESOLVING ─▶ CONNECTING [through a proxy] ─▶ HELLO ─▶ [REGISTER] ─▶ AUTHENTICATE ─▶ UP
 *         └────────────┴───────────┴──────────┴──────────────┴──────────┴────▶ DOWN (the last state; down() was called)
 *
 * A link does not come back by itself: its owner makes another. All requests that are open when it goes down are
 * answered with an error first, in the order in which they were made. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "frame.h"
#include "message.h"
#include "services/address.h"
#include "services/secret.h"
#include "socks.h"

enum { LINK_PATIENCE_USEC = 15 * 1000 * 1000 }; /* from the start to UP */

struct link;

/* Why a link went down, or a request failed. */
enum link_failure {
        LINK_UNREACHABLE, /* no address, no connection, the connection broke, silence: try again later */
        LINK_WRONG_KEY,   /* the hub has another key than the address says */
        LINK_REFUSED,     /* the hub answered with an error: see code */
        LINK_PROTOCOL,    /* the hub speaks something else, or speaks it wrongly */
        LINK_LOCAL,       /* out of memory or the like, here */
};

struct link_error {
        enum link_failure failure;
        uint16_t code; /* enum wire_error if @failure is LINK_REFUSED, else 0 */
        uint64_t value;
        const char *subject;  /* never NULL; valid during the call */
        const char *sentence; /* never NULL; valid during the call */
};

struct link_up {
        uint8_t hub_key[ADDRESS_KEY_SIZE]; /* of the hub, as it was seen: to be remembered if the address had none */
        bool resumed;
        struct hello_answer limits;
        struct authentication_answer mailbox;
};

struct link_handlers {
        void (*up)(struct link *l, void *userdata, const struct link_up *up);
        /* The last callback; the owner calls link_free(), here or later. */
        void (*down)(struct link *l, void *userdata, const struct link_error *error);
        void (*entry)(struct link *l, void *userdata, const struct entry *entry);
        void (*key_packages_low)(struct link *l, void *userdata, uint32_t left);
        /* link_has_bulk_room() has become true after it was not. May be NULL if that is not asked. */
        void (*bulk_room)(struct link *l, void *userdata);
};

/* Exactly one of @error and @answer is set, unless the body is empty: @answer.data may be NULL on success; @error
 * tells. */
typedef void (*link_answer)(void *userdata, const struct link_error *error, struct bytes answer);

struct link_parameters {
        const struct address *address; /* with the account's name; has_key: pinned, else trust on first use. Copied. */
        const struct secret *transport_key; /* must outlive the link */
        bool registering;                   /* REGISTER before AUTHENTICATE */
        const char *token;                  /* invitation for REGISTER, or NULL. Copied. */
        SSL_SESSION **session; /* NULL, or the owner's place for what resumes the next link to this hub (tls.h) */
        const struct socks_proxy *proxy; /* NULL: connect directly. Copied. */
};

/* Starts. 0, -ENOMEM, -EINVAL for a bad transport key. @handlers must outlive the link. */
int link_open(sd_event *event, const struct link_parameters *p, const struct link_handlers *handlers, void *userdata,
              struct link **out);

/* Ends it without any further callback, not even for open requests. Not from within a callback other than down().
 * Returns NULL. */
struct link *link_free(struct link *l);

/* Ends it from our side: open requests are answered and down() is called, with @sentence, from the loop. Allowed
 * everywhere. */
void link_close(struct link *l, const char *sentence);

/* Sends a request on a link that is UP; @done is called once, from the loop. -ENOTCONN if it is not up, -EAGAIN if the
 * hub's limit of requests in flight is reached, -EMSGSIZE, -ENOMEM. */
int link_request(struct link *l, enum frame_type type, struct bytes body, link_answer done, void *userdata);

/* How many more requests fit now. */
unsigned link_room(const struct link *l);

/* True if a large request may be sent now without keeping later ones waiting for long; if not, and the link is up,
 * bulk_room() is called when it may. */
bool link_has_bulk_room(struct link *l);

/* The network has changed: asks the hub whether it is still there, and goes down if it does not say so within a few
 * seconds. */
void link_probe(struct link *l);

/* Bytes that went over the network so far, TLS and all. */
void link_traffic(const struct link *l, uint64_t *received, uint64_t *sent);

/* True if REGISTER may have reached the hub: after a failure, the name may be ours without our knowing. */
bool link_may_have_registered(const struct link *l);
