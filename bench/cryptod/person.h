/* Somebody with a vault and a messenger, who is told nothing. Whatever fails ends the program. */
#pragma once

#include "cryptod/conversation/messenger.h"

enum { PERSON_NOW = 1800000000 };

#define PERSON_SUITE "MLS_256_DHKEMP384_AES256GCM_SHA384_P384"

struct person {
        const char *directory;
        char id[ACCOUNT_ID_SIZE + 1], address[64];
        struct secret *key;
        struct vault *vault;
        struct messenger *messenger;
        uint64_t sequence; /* of what has been delivered */
};

/* A new vault below @directory, of somebody at a hub that there is not or at an address (name@host:port); and its end.
 * @id: 32 hex digits. */
void person_enter(struct person *p, const char *directory, const char *name, const char *id);
void person_enter_at(struct person *p, const char *directory, const char *address, const char *id);
void person_leave(struct person *p);

/* For who opens the messenger anew. */
const struct messenger_events *person_events(void);

/* @p starts a conversation with @with, by a key package of theirs. */
struct conversation *person_start(struct person *p, struct person *with);
