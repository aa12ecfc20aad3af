/* A conversation with one person: whom, the root key that they had from the first time on, how far it has been read,
 * and the groups that carry it. */
#pragma once

#include "cryptod/conversation/history.h"
#include "cryptod/conversation/membership.h"

struct conversation {
        struct conversation *next;
        uint8_t id[CONVERSATION_ID_SIZE];
        char address[ADDRESS_TEXT_MAX]; /* name@host:port */
        struct writer root_key;         /* of the other's account; empty: not known yet */
        uint64_t read;                  /* the last message that has been read */
        struct membership *memberships;
};

struct bytes conversation_id(const struct conversation *c);

/* A new one, in memory alone. */
struct conversation *conversation_new(const char *address);

/* NULL is allowed. Returns NULL. */
struct conversation *conversation_free(struct conversation *c);

/* Within a transaction: stores its row. */
int conversation_store(struct vault *v, const struct conversation *c);

/* All of the vault's, with their groups: a list. -EBADMSG if the vault is damaged. */
int conversation_load_all(struct vault *v, struct conversation **out);

/* The group that messages are sent in: of those that are ready the one with the smallest id, so that both sides agree.
 * NULL if none is. */
struct membership *conversation_current(const struct conversation *c);

void conversation_attach(struct conversation *c, struct membership *m);
void conversation_detach(struct conversation *c, struct membership *m); /* and frees it */
