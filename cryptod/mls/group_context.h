/* GroupContext: what all members agree on in an epoch (RFC 9420 §8.1). It is never changed, only replaced, so that its
 * encoding, which signatures and keys are bound to, always exists. */
#pragma once

#include "cryptod/mls/leaf_node.h"

struct group_context {
        const struct suite *suite;
        struct bytes group_id;
        uint64_t epoch;
        struct bytes tree_hash, confirmed_transcript_hash;
        struct bytes extensions; /* the content of extensions<V> */
        uint8_t *data;           /* owned; the views above point into it */
        size_t size;
};

void group_context_release(struct group_context *c);

/* The encoding, valid as long as @c. */
struct bytes group_context_bytes(const struct group_context *c);

/* Makes a context from its parts, whose bytes are copied. -EMSGSIZE */
int group_context_make(const struct suite *s, struct bytes group_id, uint64_t epoch, struct bytes tree_hash,
                       struct bytes confirmed_transcript_hash, struct bytes extensions, struct group_context *out);

/* Reads one, as a copy. -EPROTONOSUPPORT for a version or suite that is not known, else -EBADMSG. */
int group_context_read(struct reader *r, struct group_context *out);
