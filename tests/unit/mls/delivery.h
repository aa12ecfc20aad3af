/* A delivery service that is played: it puts the handshake messages of one group in order, and knows what every member
 * has to find when it has followed them. The first commit for an epoch wins. Members fetch at their own pace. */
#pragma once

#include "tests/unit/mls/people.h"

enum { WALKERS = 64, EPOCH_PROPOSALS = 24 };

/* What all members of an epoch have to agree on. */
struct agreement {
        uint8_t authenticator[SUITE_HASH_MAX], exported[SUITE_HASH_MAX], tree_hash[SUITE_HASH_MAX];
};

/* An epoch, by whom it was seen, and what happened in it. */
struct service_epoch {
        struct agreement agreement;
        bool present[WALKERS];
        struct posted_proposal {
                struct writer message;
                unsigned sender;
                bool public;
        } proposals[EPOCH_PROPOSALS];
        unsigned proposal_count;
        struct writer commit; /* that ended it; empty: it is the current one */
        unsigned committer;
};

struct delivery {
        struct service_epoch *epochs; /* by number */
        uint64_t count;
};

void delivery_release(struct delivery *d);

/* The newest epoch. */
struct service_epoch *delivery_now(const struct delivery *d);

/* The epoch of @g begins: what is to be agreed on is read off. Who is there is found by the
 * credentials: a name is a letter and the number of the walker. */
void delivery_open_epoch(struct delivery *d, const struct group *g);

/* False if it is for another epoch than the newest */
bool delivery_post_proposal(struct delivery *d, unsigned sender, uint64_t epoch, bool public, struct bytes message);

/* False if another was first. @next: the committer's group as it is after the commit. */
bool delivery_post_commit(struct delivery *d, unsigned committer, uint64_t epoch, struct bytes message,
                          const struct group *next);

/* Fails unless a group is what its epoch has to be. */
void delivery_check(const struct delivery *d, const struct group *g);

/* Whose leaf it is, NODE_NONE if nobody's; and the leaf of somebody. */
uint32_t walker_at(const struct ratchet_tree *t, uint32_t leaf);
uint32_t leaf_of(const struct ratchet_tree *t, unsigned walker);
