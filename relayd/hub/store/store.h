/* What a hub keeps on disk, behind one header, so that an engine is one file.
 *
 * The hub gathers what one turn of its event loop asks for and hands it over as one batch: an engine runs a batch in
 * the given order in one transaction and comes back when that is on stable storage. So an answer that leaves after
 * store_run() tells the truth, and one synchronous write serves all who asked meanwhile (group commit).
 *
 * Two threads use a store: one calls store_run(), another one, at the same time, what only reads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "relayd/link/chunk.h"
#include "relayd/link/message.h"
#include "relayd/link/room.h"

struct store;

enum store_operation {
        STORE_REGISTER,
        STORE_LOOK_UP,
        STORE_PUBLISH,
        STORE_CLAIM,
        STORE_SEND,
        STORE_ACK,
        STORE_EXPIRE,
        STORE_INVITE,
        STORE_DELETE,
        STORE_PUT_CHUNK,
        STORE_REVOKE,
        STORE_HAVE_CHUNKS,
        STORE_DROP_CHUNKS,
        STORE_LIST_ROOMS,
        STORE_FETCH_ROOM,
        STORE_SEND_TO_ROOM,
        STORE_RESET_ROOM,
};

enum store_result {
        STORE_DONE,
        STORE_REPEATED, /* STORE_SEND, STORE_SEND_TO_ROOM: this id was done before; nothing was stored again.
                         * STORE_PUT_CHUNK: it is there
                         */
        STORE_MISMATCH, /* STORE_PUT_CHUNK: its name is not the SHA-256 of its content */
        STORE_EXISTS,   /* STORE_REGISTER: the name belongs to another transport key, or did not long ago */
        STORE_REFUSED,  /* STORE_REGISTER: the token is no invitation that is still good; @refusal says why */
        STORE_UNKNOWN,  /* no such name (subject); STORE_REVOKE: no such invitation that is still good */
        STORE_STALE,    /* STORE_SEND, STORE_SEND_TO_ROOM: the group's epoch is another one (value) */
        STORE_OUTSIDE,  /* STORE_SEND_TO_ROOM: the sender is not on the roster, or the room has another group */
        STORE_FULL,     /* STORE_SEND_TO_ROOM: the roster has ROOM_MEMBERS_MAX names (value) */
        STORE_EMPTY,    /* STORE_CLAIM: no key package in stock */
        STORE_QUOTA,    /* a mailbox (subject) or a stock is full */
        STORE_FAILED,   /* the engine could not write; nothing of the batch was stored */
};

/* Who may register a name that is free. */
enum store_policy {
        STORE_OPEN,    /* everybody */
        STORE_INVITED, /* who has an invitation's token */
        STORE_CLOSED,  /* nobody */
};

/* Why a token lets nobody in. What is over is remembered for STORE_INVITATION_DAYS, so that its bearer can be told. */
enum store_refusal {
        STORE_TOKEN_UNKNOWN,
        STORE_TOKEN_USED,
        STORE_TOKEN_EXPIRED,
        STORE_TOKEN_REVOKED,
};

enum {
        STORE_TOKEN_HASH_SIZE = 32,
        STORE_INVITATION_ID_SIZE = 8, /* the first bytes of the hash: what an invitation is called by */
        STORE_INVITATION_DAYS = 30,
};

/* One request of a batch. Views are the caller's until store_run() returns. */
struct store_request {
        enum store_operation operation;
        enum store_result result;

        /* in */
        struct bytes name;                    /* REGISTER, LOOK_UP, CLAIM, DELETE, FETCH_ROOM, RESET_ROOM. LIST_ROOMS:
                                                 words between spaces */
        enum store_policy policy;             /* REGISTER */
        uint8_t token[STORE_TOKEN_HASH_SIZE]; /* REGISTER, INVITE: SHA-256 of an invitation's token; the store has no
                                                 more. REVOKE: the invitation's id */
        int64_t uses;                         /* INVITE: how often it is good */
        uint64_t until_usec;                  /* INVITE: how long */
        bool last_resort_only;                /* CLAIM: the stock of one-time packages is not touched */
        uint8_t transport_key[WIRE_TRANSPORT_KEY_SIZE]; /* REGISTER: in. LOOK_UP: out */
        int64_t mailbox; /* PUBLISH, SEND (the sender's), ACK: in. LOOK_UP, CLAIM (whose package it was), DELETE: out */
        struct chunk chunk;       /* PUT_CHUNK: of @mailbox's account, whose quota it counts against */
        struct bytes chunk_names; /* HAVE_CHUNKS, of whom @mailbox's account wants to make use: that renews them.
                                     DROP_CHUNKS: those that are @mailbox's own and nobody else has put or asked for */
        struct bytes packages;    /* PUBLISH: struct key_packages */
        struct send send;         /* SEND. SEND_TO_ROOM: id and payload, which is the room's entry */
        struct room_post room;    /* SEND_TO_ROOM: what the entry was made of */
        uint64_t sequence;        /* ACK: in. LOOK_UP: out, the newest given out */
        uint64_t now_usec;        /* EXPIRE: what is past its time then is dropped, a bounded amount in a request */

        /* out */
        uint8_t generation[WIRE_GENERATION_SIZE]; /* LOOK_UP */
        uint32_t key_packages;                    /* LOOK_UP, PUBLISH, CLAIM: one-time packages left */
        uint64_t gone;                            /* LOOK_UP: entries up to this one were acknowledged or expired */
        uint8_t sent[WIRE_MESSAGE_ID_SIZE];       /* LOOK_UP: struct authentication_answer */
        bool last_resort;                         /* CLAIM */
        uint8_t *package; /* CLAIM: the package. LIST_ROOMS, FETCH_ROOM, SEND_TO_ROOM: the answer's body. Freed by
                             store_request_release() */
        size_t package_size;
        struct store_receipt {
                int64_t mailbox;
                uint64_t sequence;
        } * receipts; /* SEND, SEND_TO_ROOM: who got an entry, and under which number; freed by store_request_release()
                       */
        unsigned receipt_count;
        uint8_t *there;             /* HAVE_CHUNKS: a byte for each name; freed by store_request_release() */
        bool more;                  /* EXPIRE: there may be more */
        enum store_refusal refusal; /* REGISTER, with STORE_REFUSED */
        uint64_t value;
        char subject[WIRE_NAME_MAX + 1]; /* with some results, a name; SEND_TO_ROOM: also the sender's */
};

struct store_limits {
        int64_t mailbox_entries, mailbox_bytes; /* a mailbox holds no more */
        int64_t chunk_bytes;                    /* an account's chunks hold no more; 0: no chunks are taken */
        uint64_t chunk_usec;                    /* chunks are dropped so long after they were last put */
        uint32_t key_packages;                  /* a stock holds no more one-time packages */
        uint64_t retention_usec;                /* entries older than this are dropped */
        uint64_t idempotency_usec;              /* ids older than this are forgotten */
        uint64_t name_usec;                     /* names of deleted accounts stay taken for so long */
        uint64_t group_usec;                    /* groups without a commit for so long are forgotten */
};

/* Opens the store in @directory. A sentence has been logged on error. */
int store_open(const char *directory, const struct store_limits *limits, struct store **out);
struct store *store_close(struct store *s);

/* Other limits from now on; not while store_run() is under way. */
void store_set_limits(struct store *s, const struct store_limits *limits);

/* Runs @count requests in one transaction. Each has its result afterwards; if the transaction failed, a sentence has
 * been logged, all results are STORE_FAILED and the return value is a negative errno. */
int store_run(struct store *s, struct store_request *const *requests, unsigned count);

void store_request_release(struct store_request *r);

/* Calls @each for the entries of @mailbox after @after in order, at most @count, until it returns false. What is read
 * here is committed. */
int store_fetch(struct store *s, int64_t mailbox, uint64_t after, unsigned count,
                bool (*each)(void *userdata, uint64_t sequence, struct bytes payload), void *userdata);

/* Calls @each with the chunk of that name, which is all that is asked for: who knows it may have the chunk. -ENOENT. */
int store_read_chunk(struct store *s, const uint8_t name[static CHUNK_NAME_SIZE],
                     void (*each)(void *userdata, struct bytes content), void *userdata);

/* How many accounts there are. */
int store_count_accounts(struct store *s, int64_t *out);

/* Writes to @f, for a person, all that is stored: this is what a hub's owner can see. */
int store_inspect(struct store *s, FILE *f);

/* A view: the store as it was at one moment, for another thread than the two above, which it does not hold up. */
struct store_view;
int store_view_open(const struct store *s, struct store_view **out);
struct store_view *store_view_close(struct store_view *v);

struct store_census {
        int64_t accounts;
        int64_t entries, bytes; /* messages that wait, for all their receivers */
        int64_t chunk_bytes;
        int64_t invitations; /* that are good */
        int64_t disk_bytes;  /* of the store's files */
};

int store_view_census(struct store_view *v, struct store_census *out);

struct store_account {
        const char *name;
        int64_t created_usec;
        int64_t entries, bytes, chunk_bytes;
        int64_t key_packages; /* one-time ones */
};

struct store_invitation {
        uint8_t id[STORE_INVITATION_ID_SIZE];
        int64_t uses; /* left */
        int64_t created_usec, until_usec;
        bool good;
        enum store_refusal refusal; /* if it is not good */
};

/* Call @each for all, accounts by name and invitations by age, until it returns false. */
int store_view_accounts(struct store_view *v, bool (*each)(void *userdata, const struct store_account *a),
                        void *userdata);
int store_view_invitations(struct store_view *v, bool (*each)(void *userdata, const struct store_invitation *i),
                           void *userdata);

/* Copies all that is committed to @fd, an empty file open for writing, in the form of the store's own file, checks the
 * copy, and syncs it. Its mailboxes are of a new generation, so that what relays remember of the old ones is not taken
 * for theirs if the copy is put back. Until that is done, the copy is a file beside the store. @go_on is asked between
 * two steps, in the thread of the call; -ECANCELED if it said no, -EBUSY if another backup is being made, -EBADMSG if
 * the copy is damaged, else an errno of write(2) or storage_errno(); a sentence has been logged. */
int store_view_backup(struct store_view *v, int fd, bool (*go_on)(void *userdata, unsigned percent), void *userdata,
                      int64_t *bytes);
