/* Somebody who has the vault key, each block that the database and its log have ever had, and the files as they lie on
 * the disk now: the most that a thief can get who comes to the disk today and has copied parts of it before. What was
 * used up must not be among what that opens.
 *
 * The executable is linked with -Wl,--wrap=seal: so is known what was ever sealed on a disk. */
#pragma once

#include "messenger_person.h"

enum key_kind {
        KEY_INIT,         /* of a key package */
        KEY_PACKAGE_LEAF, /* the same package's encryption key */
        KEY_LEAF,         /* of an epoch: our leaf's encryption key, */
        KEY_PATH,         /* and those of nodes above it; */
        KEY_SENDER_DATA,  /* the secrets of its key schedule, in their order on the disk; */
        KEY_ENCRYPTION,
        KEY_EXPORTER,
        KEY_EXTERNAL,
        KEY_CONFIRMATION,
        KEY_MEMBERSHIP,
        KEY_EPOCH_RESUMPTION,
        KEY_AUTHENTICATOR,
        KEY_EPOCH_INIT,
        KEY_TREE_NODE,  /* its secret tree, */
        KEY_RATCHET,    /* the ratchets of its leaves, */
        KEY_MESSAGE,    /* and keys that are kept for messages that have not come yet */
        KEY_RESUMPTION, /* of a group, for past epochs */
};

struct loot_key {
        enum key_kind kind;
        uint64_t epoch;
        struct bytes key;
};

struct loot {
        struct writer contents; /* all that could be opened, one behind the other */
        struct writer raw;      /* the files as they are */
        struct loot_key *keys;
        size_t count;
};

/* Robs @p's disk. Released by loot_release(). */
void thief_rob(struct person *p, struct loot *out);
void loot_release(struct loot *l);

/* Whether @secret stands in anything that the files as they are now still have, and the vault key opens: of rows, whose
 * keys stay, nothing else is hidden from a thief. */
bool thief_wins(struct person *p, struct bytes secret);

/* Forgets the blocks of before. */
void thief_forget(void);

/* Of the keys of @kind in @then, how many there are, and how many are not to be found in @now any more, neither in what
 * can be opened nor in the clear. @epoch: only of this one, if it is not UINT64_MAX. */
unsigned loot_count(const struct loot *then, enum key_kind kind, uint64_t epoch);
unsigned loot_gone(const struct loot *then, const struct loot *now, enum key_kind kind, uint64_t epoch);
