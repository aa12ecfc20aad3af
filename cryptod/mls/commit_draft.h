/* A commit in the making (RFC 9420 §12.4.1), a member's or an external one (§12.4.3.2); for the files of group.h alone.
 *
 * The epoch that it starts from is left alone: what is made is the next one, and the messages that lead there. */
#pragma once

#include "cryptod/mls/epoch.h"

struct commit_draft {
        /* What it is made from, all borrowed. An external committer's @before is public state alone, with its own leaf
         * still to come. */
        const struct epoch *before;
        const struct secret *init_secret;
        const struct signature_key *framing_key; /* signs the commit */
        const struct signature_key
                *leaf_key;     /* signs the new leaf: another one if the leaf changes its signature key */
        struct leaf_node leaf; /* signature key, credential, capabilities and extensions of the new leaf */
        enum sender_type sender_type;
        enum wire_format wire_format;
        struct bytes authenticated_data;
        bool without_path;
        unsigned threads; /* that may seal at once */
        const struct psk_source *psks;
        struct proposal_list list; /* owned */

        /* What comes of it, owned. */
        struct epoch *next;
        struct applied_proposals applied;
        struct path_secrets path;
        struct writer commit, signature; /* encoded Commit, and the signature over its framing */
        struct authenticated_content content;
        struct secret *joiner_secret, *psk_secret;
        uint8_t tag[SUITE_HASH_MAX];
};

void commit_draft_release(struct commit_draft *d);

/* Makes the commit and the epoch after it. The list is checked first, as a receiver does. Errors:
 * epoch_receive_commit()'s. */
int commit_draft_make(struct commit_draft *d);

/* Appends an MLSMessage with a Welcome for everybody whom the commit adds. @with_tree: the ratchet tree is in it. */
int commit_draft_welcome(const struct commit_draft *d, bool with_tree, struct writer *out);
