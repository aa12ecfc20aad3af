/* Messages that break just one rule.
 *
 * The library makes them itself, with all signatures, tags and encryptions as they have to be, while the checks that a
 * sender makes are switched off, or while one thing is changed before it is signed. A receiver that refuses such a
 * message does so for that rule alone: with the same checks switched off it takes the message. */
#pragma once

#include "cryptod/mls/commit_draft.h"
#include "tests/unit/mls/people.h"

enum forge_check {
        CHECK_LIST = 1,       /* proposal_list_check() */
        CHECK_PROPOSAL = 2,   /* proposal_validate() */
        CHECK_LEAF = 4,       /* leaf_node_validate() */
        CHECK_EXTENSIONS = 8, /* group_extensions_validate() */
        CHECK_PACKAGE = 16,   /* key_package_check() */
        CHECK_TREE = 32,      /* ratchet_tree_validate() */
        CHECK_PATH = 64,      /* the path as it was before forge.path() changed it */
        CHECK_LINK = 128,     /* group_check_link() */
        CHECK_KEY = 256,      /* hpke_check_public_key() */
        CHECK_ALL = 511,
};

extern struct forge {
        unsigned off; /* the checks that are switched off */
        /* Called before a leaf or a content is signed. */
        void (*leaf)(struct leaf_node *leaf);
        void (*content)(struct framed_content *content);
        /* Flips a bit of the next signature of a content or a GroupInfo, of a confirmation tag. */
        bool bad_signature, bad_info_signature, bad_confirmation_tag;
        struct bytes extra_external; /* encoded Proposals that stand beside an external init */
        bool no_external_init;
        bool collisions; /* what collides stands in one list (proposals_collide()) */
        /* The nth encryption from now has the last byte of its plaintext flipped; the nth decryption. */
        unsigned seal, open;
        bool unprotected;     /* application data travels in a public message */
        bool bad_parent_hash; /* in the nodes of a path, and in its leaf */
        /* Writes UpdatePathNode nodes<V> anew: their content is given. */
        void (*path)(struct bytes nodes, struct writer *out);
        /* The nth key pair that is derived from now has this public key. */
        unsigned derive;
        struct bytes derived;
        /* Called before a commit is made. */
        void (*draft)(struct commit_draft *draft);
        bool references;                 /* an external commit may refer to proposals */
        const struct person *uninvited;  /* gets the Welcome too, and is not in the tree */
        void (*psk)(struct psk_id *psk); /* called before a PSK proposal is made */
        const struct secret *any_psk;    /* the value of every PSK, whatever it is for */
} forge;

void __real_proposal_write_external_init(struct writer *w, struct bytes kem_output);

/* Nothing is forged any more; and nothing of it is kept either. */
void forge_end(void);
void forge_release(void);

/* A key package of @p's keys whose leaf and whole may be changed before they are signed. */
struct package_forgery {
        void (*leaf)(struct leaf_node *leaf);
        uint16_t version, cipher_suite; /* 0: as it has to be */
        struct bytes init_key;          /* empty: as it has to be */
        bool same_keys;                 /* the init key is the encryption key */
        bool bad_leaf_signature, bad_signature;
        struct bytes extensions;
};
void forge_package(const struct person *p, const struct package_forgery *f, struct writer *out);
