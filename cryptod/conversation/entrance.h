/* A way into a group that we look for, and its sealed row: with an invitation, or back into a group of ours.
 *
 *     looked for ── messenger_seek_entrance(): a member is asked ──▶ asked ── an Opening ──▶ answered ─┐
 *         ▲                                                                                           │
 *         └── the hub has put another commit first ── our external commit is with the hub ◀────────────┘
 *                                                             └── accepted: it is over */
#pragma once

#include "cryptod/conversation/knock.h"
#include "cryptod/vault/vault.h"

enum { ENTRANCE_HELPERS_MAX = 8, ENTRANCES_MAX = 64 };

struct entrance {
        struct entrance *next;
        uint8_t id[KNOCK_ID_SIZE]; /* of the invitation, or of the group */
        enum knock_reason why;
        uint64_t expires;      /* the invitation, seconds since 1970 */
        struct secret *key;    /* the invitation's; NULL: there is none */
        struct writer helpers; /* a list of addresses of members to be asked, the next first */
        uint64_t asked;        /* seconds since 1970; 0: nobody was */
        uint32_t tries;
        struct writer slot, group_info; /* the answer, until it is followed */
        int64_t membership;             /* whose commit is with the hub; 0: none is */
        bool opens;                     /* as soon as there is a conversation with the last helper; not on disk */
};

struct entrance *entrance_free(struct entrance *e);

/* All of the vault's: a list. -EBADMSG if it is damaged. */
int entrances_load(struct vault *v, struct entrance **out);

/* Within a transaction. */
int entrance_store(struct vault *v, const struct entrance *e);
int entrance_erase(struct vault *v, const struct entrance *e);
