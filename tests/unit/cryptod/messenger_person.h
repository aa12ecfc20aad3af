/* Somebody with a vault and a messenger, for tests that play the relay between several. Every failure ends the test. */
#pragma once

#include "cryptod/conversation/messenger.h"

enum { NOW = 1800000000 };

#define PERSON_SUITE "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"

struct person {
        char directory[64], id[ACCOUNT_ID_SIZE + 1], address[64];
        struct secret *vault_key;
        struct vault *vault;
        struct messenger_events events;
        struct messenger *messenger;
        unsigned added, changed, queued; /* what it was told of */
        uint64_t sequence;               /* of the last envelope that was delivered */
};

/* name@hub.example.org:7843, in a directory of its own. @id: 32 hex digits. */
void person_sign_up(struct person *p, const char *name, const char *id, const char *suite);

/* Closes everything, and opens the vault again: its directory, id and vault_key are known. 0 or an errno. */
void person_log_out(struct person *p);
int person_log_in(struct person *p);

/* As after kill -9 and a new log-in: only what is on disk is left. */
void person_restart(struct person *p);
void person_release(struct person *p);

/* The first of the key packages that somebody publishes. */
void person_claim(struct person *p, struct writer *out);
