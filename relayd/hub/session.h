/* A session: the hub's side of one link.
 *
 *     HELLO ─▶ UNPROVEN ─(AUTHENTICATE)─▶ PROVEN ─▶ ENDING
 *        └─────────┴── error, silence, garbage ─────────▲
 *
 * Flow control in both directions: a session that asks faster than its answers are taken, or faster than the hub's
 * rate, is not read from for a while; entries are pushed only into the window that the client opened with FETCH and
 * moves with ACK. */
#pragma once

#include <sys/socket.h>

#include "hub.h"

/* Takes over the accepted socket @fd, and @pass if it succeeds. */
int session_new(struct hub *h, int fd, SSL *ssl, const struct sockaddr_storage *peer, const struct gate_pass *pass,
                struct session **out);

/* Ends it at once; @stopping: with a GOING_AWAY. Returns NULL. */
struct session *session_free(struct session *s, bool stopping);

/* A job of this session has been run. */
void session_complete(struct session *s, struct job *j);

/* A new entry is in its mailbox. */
void session_arrived(struct session *s, uint64_t sequence, struct bytes payload);

/* The hub is not full any more (work_is_full()), or has memory again. */
void session_resume(struct session *s);

/* Somebody took a key package of this session's account and @left are left. */
void session_key_packages_low(struct session *s, uint32_t left);

/* What its link's buffers take. */
size_t session_memory(const struct session *s);

/* Ends it for the memory that it holds. */
void session_evict(struct session *s);

/* Another link has taken over its mailbox. */
void session_replace(struct session *s);

/* Its account is gone. */
void session_deleted(struct session *s);

/* Links in the hub's own lists. */
struct session_place {
        struct session *previous, *next; /* all sessions */
        struct session *chain;           /* the sessions of one hash bucket */
        int64_t mailbox;                 /* 0 before AUTHENTICATE */
};
struct session_place *session_place(struct session *s);
