/* The bodies of the frames, in the presentation language of RFC 9420 §2.1: one struct a body, its writer, its reader.
 *
 * Readers return 0, or -EBADMSG for anything that is malformed, too long, or left over; views in what they fill in
 * point into the body. Writers append to @w, whose sticky error tells of missing memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "services/bytes.h"

enum {
        WIRE_VERSION = 1,
        WIRE_VERSIONS_MAX = 16,
        WIRE_NAME_MAX = 64,
        WIRE_TOKEN_MAX = 128,
        WIRE_TRANSPORT_KEY_SIZE = 32,
        WIRE_SIGNATURE_SIZE = 64,
        WIRE_MESSAGE_ID_SIZE = 16,
        WIRE_GENERATION_SIZE = 16,
        WIRE_GROUP_MAX = 255,
        WIRE_PAYLOAD_MAX = 1024 * 1024,
        WIRE_RECIPIENTS_MAX = 1024,
        WIRE_KEY_PACKAGE_MAX = 16 * 1024,
        WIRE_KEY_PACKAGES_MAX = 64, /* in one request */
        WIRE_WINDOW_MAX = 1024,     /* entries on their way that are not acknowledged */
        WIRE_IN_FLIGHT_MAX = 256,   /* requests on their way that are not answered */
        WIRE_SUBJECT_MAX = 255,
        WIRE_SENTENCE_MAX = 1000,
};

/* True for an account's name: 1 to 64 of a-z 0-9 . _ -, starting with a letter or digit. */
bool wire_name_valid(struct bytes name);

/* HELLO: the versions that the client speaks, the one that it likes best first. */
struct hello {
        uint16_t versions[WIRE_VERSIONS_MAX];
        unsigned version_count; /* 1 to WIRE_VERSIONS_MAX */
};

void write_hello(struct writer *w, const struct hello *m);
int read_hello(struct bytes body, struct hello *out);

/* Answer to HELLO: the version that both speak from now on, and what this hub allows. */
struct hello_answer {
        uint16_t version;
        uint32_t payload_max;
        uint32_t recipients_max;
        uint32_t in_flight_max;
        uint32_t idle_seconds; /* the hub closes a link on which nothing came for so long */
};

void write_hello_answer(struct writer *w, const struct hello_answer *m);
int read_hello_answer(struct bytes body, struct hello_answer *out);

/* REGISTER. The answer is empty. */
struct registration {
        struct bytes name;
        uint8_t transport_key[WIRE_TRANSPORT_KEY_SIZE]; /* Ed25519 */
        uint8_t signature[WIRE_SIGNATURE_SIZE];         /* transport_key.h, purpose register */
        struct bytes token;                             /* an invitation; empty where the hub asks for none */
};

void write_registration(struct writer *w, const struct registration *m);
int read_registration(struct bytes body, struct registration *out);

/* AUTHENTICATE. */
struct authentication {
        struct bytes name;
        uint8_t signature[WIRE_SIGNATURE_SIZE]; /* transport_key.h, purpose authenticate */
};

void write_authentication(struct writer *w, const struct authentication *m);
int read_authentication(struct bytes body, struct authentication *out);

/* Answer to AUTHENTICATE. A generation other than the one remembered means that the mailbox is a new one, whose
 * sequence starts again, or one from a backup, which gives out numbers for the second time. */
struct authentication_answer {
        uint8_t generation[WIRE_GENERATION_SIZE];
        uint64_t newest; /* the last sequence number given out in the mailbox; 0 for none */
        uint32_t key_packages;
        uint64_t gone;                      /* entries up to this one were acknowledged or are past their time */
        uint8_t sent[WIRE_MESSAGE_ID_SIZE]; /* the largest id that was stored of this sender; zero for none */
};

void write_authentication_answer(struct writer *w, const struct authentication_answer *m);
int read_authentication_answer(struct bytes body, struct authentication_answer *out);

/* PUBLISH_KEY_PACKAGES: @packages is the content of the vector, already checked; walk it with key_package_next(). */
struct key_packages {
        struct bytes packages;
        unsigned count; /* 1 to WIRE_KEY_PACKAGES_MAX */
};

void write_key_packages(struct writer *w, struct bytes packages);
int read_key_packages(struct bytes body, struct key_packages *out);

/* Appends one element. */
void write_key_package(struct writer *w, bool last_resort, struct bytes key_package);
/* Reads one element; false at the end, or at the first that is malformed, which is then @r's error. */
bool key_package_next(struct reader *r, bool *last_resort, struct bytes *key_package);

/* Answer to PUBLISH_KEY_PACKAGES, and the event KEY_PACKAGES_LOW: one-time key packages in stock. */
void write_key_packages_left(struct writer *w, uint32_t left);
int read_key_packages_left(struct bytes body, uint32_t *out);

/* CLAIM_KEY_PACKAGE and its answer. */
void write_claim(struct writer *w, struct bytes name);
int read_claim(struct bytes body, struct bytes *name);
void write_claim_answer(struct writer *w, bool last_resort, struct bytes key_package);
int read_claim_answer(struct bytes body, bool *last_resort, struct bytes *key_package);

/* SEND. The answer is empty. */
struct send {
        uint8_t id[WIRE_MESSAGE_ID_SIZE];
        struct bytes recipients; /* content of the vector of names, already checked; walk it with recipient_next() */
        unsigned recipient_count;
        bool has_group; /* a commit: accepted only if the group's epoch is @epoch, which then becomes @epoch + 1 */
        struct bytes group;
        uint64_t epoch;
        struct bytes payload;
};

void write_send(struct writer *w, const struct send *m);
int read_send(struct bytes body, struct send *out);
void write_recipient(struct writer *w, struct bytes name);
bool recipient_next(struct reader *r, struct bytes *name);

/* FETCH: push what comes after sequence number @after, at most @window entries ahead of the last ACK. The answer is
 * empty. */
struct fetch {
        uint64_t after;
        uint32_t window; /* 1 to WIRE_WINDOW_MAX */
};

void write_fetch(struct writer *w, const struct fetch *m);
int read_fetch(struct bytes body, struct fetch *out);

/* Event ENTRY. */
struct entry {
        uint64_t sequence;
        struct bytes payload;
};

void write_entry(struct writer *w, const struct entry *m);

/* What stands before the payload, of at most WIRE_PAYLOAD_MAX bytes, for who sends one payload to many. */
void write_entry_head(struct writer *w, uint64_t sequence, size_t payload_size);
int read_entry(struct bytes body, struct entry *out);

/* ACK: everything up to and with @sequence may be forgotten. The answer is empty. */
void write_ack(struct writer *w, uint64_t sequence);
int read_ack(struct bytes body, uint64_t *sequence);

/* DELETE_ACCOUNT: the own name. The answer is empty. */
void write_delete_account(struct writer *w, struct bytes name);
int read_delete_account(struct bytes body, struct bytes *name);

/* ERROR, and the event GOING_AWAY (request 0). */
enum wire_error {
        WIRE_ERROR_PROTOCOL = 1,          /* malformed, or not allowed in this state; the hub closes the link */
        WIRE_ERROR_VERSION = 2,           /* no version in common; value: the hub's newest */
        WIRE_ERROR_NAME_TAKEN = 3,        /* registered with another transport key; subject: the name */
        WIRE_ERROR_NOT_AUTHENTICATED = 4, /* unknown name or wrong signature: the two are not told apart */
        WIRE_ERROR_NOT_ALLOWED = 5,       /* this hub takes no new accounts (without an invitation) */
        WIRE_ERROR_UNKNOWN_RECIPIENT = 6, /* subject: the first name that is not known; nothing was stored */
        WIRE_ERROR_STALE = 7,             /* value: the group's epoch; nothing was stored */
        WIRE_ERROR_NO_KEY_PACKAGE = 8,    /* subject: the name */
        WIRE_ERROR_TOO_LARGE = 9,         /* value: the limit */
        WIRE_ERROR_TOO_FAST = 10,         /* value: milliseconds to wait */
        WIRE_ERROR_QUOTA = 11,            /* subject: whose mailbox or stock is full; nothing was stored */
        WIRE_ERROR_STORAGE = 12,          /* the hub could not write; try again later with the same id */
        WIRE_ERROR_BUSY = 13,             /* too many links; try again later */
        WIRE_ERROR_REPLACED = 14,         /* going away: a newer link proved the same transport key */
        WIRE_ERROR_STOPPING = 15,         /* going away: the hub stops or restarts; come back later */
        WIRE_ERROR_DELETED = 16,          /* going away: the account is no more on this hub */
        WIRE_ERROR_MISMATCH = 17,         /* a chunk's name is not the SHA-256 of its content; nothing was stored */
        WIRE_ERROR_NO_CHUNK = 18,         /* no chunk has that name, or none any more */
        WIRE_ERROR_NO_ROOM = 19,          /* subject: the name */
        WIRE_ERROR_OUTSIDE = 20, /* the sender is not on the room's roster, or its group is another one: join */
};

struct wire_failure {
        uint16_t code; /* enum wire_error; a number that is not known is to be taken as permanent */
        uint64_t value;
        struct bytes subject;
        struct bytes sentence; /* UTF-8, for a person */
};

void write_failure(struct writer *w, const struct wire_failure *m);
int read_failure(struct bytes body, struct wire_failure *out);

/* For PING, its answer, and the other answers without content. */
int read_empty(struct bytes body);
