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

#include "relayd/link/message.h"

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
};

enum store_result {
        STORE_DONE,
        STORE_REPEATED, /* STORE_SEND: this id was done before; nothing was stored again. STORE_PUT_CHUNK: it is there
                         */
        STORE_MISMATCH, /* STORE_PUT_CHUNK: its name is not the SHA-256 of its content */
        STORE_EXISTS,   /* STORE_REGISTER: the name belongs to another transport key, or did not long ago */
        STORE_REFUSED,  /* STORE_REGISTER: the token is no invitation that is still good */
        STORE_UNKNOWN,  /* no such name (subject) */
        STORE_STALE,    /* STORE_SEND: the group's epoch is another one (value) */
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

enum { STORE_TOKEN_HASH_SIZE = 32, STORE_CHUNK_NAME_SIZE = 32 };

/* One request of a batch. Views are the caller's until store_run() returns. */
struct store_request {
        enum store_operation operation;
        enum store_result result;

        /* in */
        struct bytes name;                    /* REGISTER, LOOK_UP, CLAIM, DELETE */
        enum store_policy policy;             /* REGISTER */
        uint8_t token[STORE_TOKEN_HASH_SIZE]; /* REGISTER, INVITE: SHA-256 of an invitation's token; the store has no
                                                 more */
        int64_t uses;                         /* INVITE: how often it is good */
        uint64_t until_usec;                  /* INVITE: how long */
        bool last_resort_only;                /* CLAIM: the stock of one-time packages is not touched */
        uint8_t transport_key[WIRE_TRANSPORT_KEY_SIZE]; /* REGISTER: in. LOOK_UP: out */
        int64_t mailbox; /* PUBLISH, SEND (the sender's), ACK: in. LOOK_UP, CLAIM (whose package it was), DELETE: out */
        struct bytes chunk;                        /* PUT_CHUNK: of @mailbox's account, whose quota it counts against */
        uint8_t chunk_name[STORE_CHUNK_NAME_SIZE]; /* PUT_CHUNK: SHA-256 of @chunk */
        struct bytes packages;                     /* PUBLISH: struct key_packages */
        struct send send;                          /* SEND */
        uint64_t sequence;                         /* ACK: in. LOOK_UP: out, the newest given out */
        uint64_t now_usec; /* EXPIRE: what is past its time then is dropped, a bounded amount in a request */

        /* out */
        uint8_t generation[WIRE_GENERATION_SIZE]; /* LOOK_UP */
        uint32_t key_packages;                    /* LOOK_UP, PUBLISH, CLAIM: one-time packages left */
        bool last_resort;                         /* CLAIM */
        uint8_t *package;                         /* CLAIM: freed by store_request_release() */
        size_t package_size;
        struct store_receipt {
                int64_t mailbox;
                uint64_t sequence;
        } * receipts; /* SEND: who got an entry, and under which number; freed by store_request_release() */
        unsigned receipt_count;
        bool more; /* EXPIRE: there may be more */
        uint64_t value;
        char subject[WIRE_NAME_MAX + 1];
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

/* Runs @count requests in one transaction. Each has its result afterwards; if the transaction failed, a sentence has
 * been logged, all results are STORE_FAILED and the return value is a negative errno. */
int store_run(struct store *s, struct store_request *const *requests, unsigned count);

void store_request_release(struct store_request *r);

/* Calls @each for the entries of @mailbox after @after in order, at most @count, until it returns false. What is read
 * here is committed. */
int store_fetch(struct store *s, int64_t mailbox, uint64_t after, unsigned count,
                bool (*each)(void *userdata, uint64_t sequence, struct bytes payload), void *userdata);

/* A chunk by its name, which is all that is asked for: who knows it may have the chunk. A copy for the caller to free;
 * -ENOENT. */
int store_read_chunk(struct store *s, const uint8_t name[static STORE_CHUNK_NAME_SIZE], uint8_t **out, size_t *size);

/* Writes to @f, for a person, all that is stored: this is what a hub's owner can see. */
int store_inspect(struct store *s, FILE *f);
