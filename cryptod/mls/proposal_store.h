/* Proposals that came as messages of their own in this epoch, to be referred to by commits (RFC 9420 §12.1, §12.4). */
#pragma once

#include "cryptod/mls/framing.h"
#include "services/secret.h"

enum { PROPOSAL_STORE_MAX = 4096 };

struct stored_proposal {
        uint8_t ref[SUITE_HASH_MAX];
        uint32_t sender; /* leaf index; NODE_NONE: somebody outside */
        uint8_t *data;   /* the encoded Proposal, owned */
        size_t size;
        /* Of an update of our own: the private keys that become ours if it is committed. @signature_key may be NULL: it
         * stays as it is. */
        struct secret *leaf_key, *signature_key;
};

struct proposal_store {
        struct stored_proposal *items;
        size_t count;
};

void proposal_store_release(struct proposal_store *s);

/* Keeps the proposal in @a under its reference; the same one twice is kept once. @out (may be NULL) is borrowed until
 * the store changes. -EBADMSG if there is none in it, -E2BIG if the epoch has too many. */
int proposal_store_add(struct proposal_store *s, const struct suite *suite, const struct authenticated_content *a,
                       struct stored_proposal **out);

/* True if the very same one is kept already. */
bool proposal_store_has(const struct proposal_store *s, const struct suite *suite,
                        const struct authenticated_content *a);

/* The one with that reference, or NULL. */
const struct stored_proposal *proposal_store_find(const struct proposal_store *s, const struct suite *suite,
                                                  struct bytes ref);

/* One of them exactly, with its secrets, and back: as the next of the store, whose index is @index. -EBADMSG */
void stored_proposal_write(const struct stored_proposal *p, const struct suite *suite, struct writer *w);
int proposal_store_read(struct proposal_store *s, size_t index, const struct suite *suite, struct bytes bytes);
