/* A conversation: with one person (whom, and the root key that they had from the first time on), or with the members of
 * a group or a room; how far it has been read, and the MLS groups that carry it. The members of groups are persons
 * too: their root keys are remembered in conversations that may never have begun. */
#pragma once

#include "cryptod/conversation/history.h"
#include "cryptod/conversation/membership.h"
#include "cryptod/conversation/profile.h"
#include "cryptod/conversation/settings.h"
#include "cryptod/conversation/standing.h"

struct conversation {
        struct conversation *next;
        uint8_t id[CONVERSATION_ID_SIZE]; /* of a group: its MLS group's */
        enum conversation_kind kind;
        char address[ADDRESS_TEXT_MAX];       /* of a person: name@host:port; else empty */
        char name[CONVERSATION_NAME_MAX + 1]; /* of a group; of a room with a # before it; else empty */
        struct writer root_key;               /* of a person's account; empty: not known yet */
        uint64_t read;                        /* the last message that has been read */
        struct settings settings;
        struct membership *memberships;
        struct standing standing;
        uint64_t typing_told; /* when the others were told that we type, microseconds of the boot clock; 0: they were
                                 not */
        bool shown, shown_contact; /* there is an object of it on the bus (cryptod/people_objects.c) */
        bool rejoin; /* messenger_next_rejoin(); of a room or group: it is to be joined (again), kept on disk */
        struct {
                uint64_t since; /* seconds since 1970 */
                unsigned count;
        } knocks;             /* of the person, since then (messenger_invitation.c) */
        bool heals;           /* something is to be asked for again (healing.h) */
        uint64_t behind;      /* when it was last asked whether the group has gone on without us; 0: never */
        uint64_t stale_since; /* a commit of ours has lost to one that has not come; 0: none */
};

struct bytes conversation_id(const struct conversation *c);

/* What it is called: the person's address or the group's name, which has no @. */
const char *conversation_title(const struct conversation *c);

/* A new one with a person, in memory alone; or with a group; or with a room, whose groups may change. */
struct conversation *conversation_new(const char *address);
struct conversation *conversation_new_group(struct bytes id, const struct profile *p);
struct conversation *conversation_new_room(struct bytes name);

/* NULL is allowed. Returns NULL. */
struct conversation *conversation_free(struct conversation *c);

/* Within a transaction: stores its row. */
int conversation_store(struct vault *v, const struct conversation *c);

/* All of the vault's, with their groups: a list. A group that cannot be read is NULL in its membership, which nobody
 * but messenger_open() sees. -EBADMSG if the vault is damaged. */
int conversation_load_all(struct vault *v, struct conversation **out);

/* The group that messages are sent in: of those that are ready one in which the other surely is, and of these the one
 * with the smallest id, so that both sides agree as soon as both have spoken. NULL if none is. */
struct membership *conversation_current(const struct conversation *c);

/* The one that nobody will go back to, with the greatest id, if there are @max or more; else NULL. */
struct membership *conversation_superfluous(const struct conversation *c, unsigned max);

void conversation_attach(struct conversation *c, struct membership *m);
void conversation_detach(struct conversation *c, struct membership *m); /* and frees it */
