/* The parts in which a group's state is kept (group_save()), and the bytes of each; for the files of group.h alone. By
 * their ids, which order them as they are read:
 *
 *     struct { uint8 PART_GROUP; }                   what belongs to no epoch: the format, which epoch is the current
 *                                                    one, our signature key, resumption PSKs
 *     struct { uint8 PART_NODE; uint32 node; }       a node of the oldest epoch's tree; there is none if it is blank
 *     struct { uint8 PART_EPOCH; uint64 epoch; uint8 kind; uint32 index; }
 *             EPOCH_TREE                             how its tree differs from that of the epoch before; the oldest
 *                                                    epoch has none
 *             EPOCH_STATE                            its context, our private keys, its secrets
 *             EPOCH_SECRETS                          a part of its secret tree, whose name is the index
 *     struct { uint8 PART_PROPOSAL; uint32 index; }  a proposal that is kept in the current epoch
 *
 * There is one epoch for each that is past, the current one, and the one that a commit of our own leads into. */
#pragma once

#include "cryptod/mls/group_state.h"

enum part_scope { PART_GROUP, PART_NODE, PART_EPOCH, PART_PROPOSAL };
enum part_kind { EPOCH_TREE, EPOCH_STATE, EPOCH_SECRETS };

struct part_id {
        enum part_scope scope;
        uint64_t epoch; /* in PART_EPOCH */
        enum part_kind kind;
        uint32_t index; /* in all but PART_GROUP */
};

void part_id_write(const struct part_id *id, struct writer *w);
void part_id_read(struct reader *r, struct part_id *out);

/* True for a part that holds secrets; the others tell only what every member knows. */
bool part_is_secret(const struct part_id *id);

struct group_head {
        const struct suite *suite;
        uint64_t epoch;  /* the current one */
        uint32_t leaves; /* of the oldest epoch's tree */
};

/* PART_GROUP. Read: -EPROTONOSUPPORT for another format or an unknown suite, -EBADMSG. */
void part_write_group(const struct group *g, const struct group_head *head, struct writer *w);
int part_read_group(struct reader *r, struct group *g, struct group_head *out);

/* EPOCH_TREE. Read: makes @t, the tree of the epoch before, that of this epoch. */
void part_write_tree(const struct ratchet_tree *before, const struct ratchet_tree *t, struct writer *w);
int part_read_tree(struct reader *r, struct ratchet_tree *t);

/* EPOCH_STATE. Read: of an epoch whose tree is @t, with a secret tree that is still empty. -EBADMSG */
void part_write_epoch(const struct epoch *e, struct writer *w);
int part_read_epoch(struct reader *r, const struct ratchet_tree *t, struct epoch **out);
