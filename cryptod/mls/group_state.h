/* What a group is made of; for the files of group.h alone. */
#pragma once

#include "cryptod/mls/commit_draft.h"
#include "cryptod/mls/group.h"

struct group {
        struct signature_key *signature_key;
        struct epoch *current;
        struct epoch *pending;                 /* after our own commit; NULL: none waits */
        struct epoch *past[GROUP_PAST_EPOCHS]; /* newest first; only what opens messages is left of them */
        struct proposal_store proposals;       /* of the current epoch */
        struct resumption {
                uint64_t epoch;
                struct secret *psk;
        } resumptions[GROUP_RESUMPTION_PSKS]; /* newest first */
        /* What the store has (group_storage.c). */
        struct group_saved {
                bool group;      /* what belongs to no epoch: changes with the epoch alone */
                uint64_t first;  /* the oldest epoch */
                unsigned epochs; /* from that one on; 0: nothing has been saved yet */
                size_t proposals;
                uint32_t *nodes; /* of the oldest epoch's tree, which differ from those that were saved */
                size_t node_count;
        } saved;
};

/* Makes @next (which passes over) the current epoch. */
void group_advance(struct group *g, struct epoch *next);

/* Asks the host about the extensions of @after, if @before (may be NULL) has others, and about every leaf of it that
 * @before does not have with the same credential and key.
 * @replaced: the leaf of @before that an external committer, now at @leaf, took out; else both are NODE_NONE. */
int group_check_credentials(const struct epoch *before, const struct epoch *after, uint32_t leaf, uint32_t replaced,
                            const struct group_host *host);

/* group_host's same_client(). */
bool group_same_client(const struct group_host *host, const struct leaf_node *a, const struct leaf_node *b);

/* A PSK source over the group's own past epochs, those of other groups, and the host's. @userdata: struct group_psks.
 */
struct group_psks {
        const struct group *group; /* NULL: we are joining */
        const struct group_host *host;
        bool linking; /* the PSK may say that the group continues or branches another one */
        /* Set when such a PSK has been found: the other group, and how. */
        const struct group *linked;
        enum resumption_psk_usage usage;
        uint64_t epoch;
};
const struct secret *group_find_psk(void *userdata, const struct psk_id *id);

/* The checks of a group that was joined with such a PSK (§12.4.3.1). -EBADMSG */
int group_check_link(const struct epoch *e, const struct group_psks *psks);

/* -ESHUTDOWN if the group has been reinitialised, so that nothing may be sent in it any more (§12.4.2). */
int group_writable(const struct group *g);

/* Appends a signed content as an MLSMessage, public or private as it says. */
int group_frame(struct group *g, const struct authenticated_content *a, size_t pad_to, struct writer *out);

/* Appends a PSK proposal with a fresh nonce. */
void group_write_psk(const struct suite *s, const struct psk_id *psk, struct writer *w);

/* Makes @d our commit of @change, whose proposals by value are written to @values, which must outlive it. @linked: the
 * group that this one continues or branches off from with its first commit; else NULL. */
int group_draft_commit(struct group *g, const struct group_change *change, const struct group_host *host,
                       const struct group *linked, struct writer *values, struct commit_draft *d);

/* All is saved as it stands. */
void group_note_saved(struct group *g);

/* The oldest epoch has given way to another: its tree and that one's. */
void group_note_oldest(struct group *g, const struct ratchet_tree *before, const struct ratchet_tree *now);

/* A group around an epoch; both pass over. */
struct group *group_new(struct signature_key *signature_key, struct epoch *current);

/* Adds to @list the kept proposals that fit together and with what stands in it. @psks NULL: judged by what they say;
 * else by trying, one by one, what they do, and the host is told of those that nobody could follow. Errors: what stands
 * in @list already could not be followed. */
int group_select_proposals(const struct group *g, const struct group_host *host, const struct psk_source *psks,
                           struct proposal_list *list);

/* -ESTALE if the list adds somebody whose lifetime does not hold @host's now (§7.3). */
int group_check_lifetimes(const struct proposal_list *list, const struct group_host *host);
