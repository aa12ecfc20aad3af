/* The scene of the tests of what a receiver must refuse (docs/mls-validity.md): a small group, somebody outside, and
 * one message, which breaks one rule and nothing else. It is refused with the state as it was, byte for byte; and where
 * the check can be switched off, the same message is taken without it, so that nothing but this check has refused it.
 */
#pragma once

#include "tests/unit/mls/forge.h"

enum { ALICE, BOB, CAROL, PRESENT };

/* Alice, who sends, Bob, who receives, and Carol in a group; Frank outside. */
struct scene {
        struct person people[PRESENT], frank;
        struct writer message, welcome, proposals[2], package;
        struct group_host host; /* Bob's */
};

void scene_begin(struct scene *s);

void scene_end(struct scene *s);

/* Bob's secret tree is opened along the senders' paths, as by any message of theirs; a message that is refused after
 * that moves nothing. */
void open_ratchets(struct scene *s);

int receive(struct scene *s);

/* Bob refuses the message, and nothing has changed. */
void refused(struct scene *s, int error);

/* The same, and without these checks he takes it. */
void refused_by(struct scene *s, unsigned checks, int error);

/* Alice, or another, commits without a look at the rules. */
void commit_of(struct scene *s, unsigned sender, const struct group_change *change);
void commit(struct scene *s, const struct group_change *change);

/* She commits what stands in s->proposals, by value. */
void commit_values(struct scene *s, bool without_path);

/* She proposes s->proposals[0]. */
void propose(struct scene *s);

/* Frank is added with a package that is forged so. */
void commit_forged(struct scene *s, const struct package_forgery *f);

void join_external(struct scene *s, uint32_t resync, const struct group_host *host);

int join_with(struct scene *s, struct bytes tree, const struct group_host *host);

void invite(struct scene *s, bool without_tree);

/* For forge.leaf: a leaf with this encryption key, which is not new. */
extern struct bytes old_key;
void with_old_key(struct leaf_node *leaf);

/* For group_host.same_client: everybody is. */
bool same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after);

#define RULE(name)                                                                                                     \
        static void name##_scene(struct scene *s);                                                                     \
        static void name(void **state)                                                                                 \
        {                                                                                                              \
                struct scene s;                                                                                        \
                                                                                                                       \
                scene_begin(&s);                                                                                       \
                name##_scene(&s);                                                                                      \
                scene_end(&s);                                                                                         \
        }                                                                                                              \
        static void name##_scene(struct scene *s)
