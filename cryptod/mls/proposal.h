/* Proposals (RFC 9420 §12.1), all eight types, as views into the bytes that they were read from. */
#pragma once

#include "cryptod/mls/key_package.h"
#include "cryptod/mls/psk.h"

enum proposal_type {
        PROPOSAL_ADD = 1,
        PROPOSAL_UPDATE = 2,
        PROPOSAL_REMOVE = 3,
        PROPOSAL_PSK = 4,
        PROPOSAL_REINIT = 5,
        PROPOSAL_EXTERNAL_INIT = 6,
        PROPOSAL_GROUP_CONTEXT_EXTENSIONS = 7,
};

struct proposal {
        enum proposal_type type;
        union {
                struct key_package add;
                struct leaf_node update;
                uint32_t removed;
                struct psk_id psk;
                struct {
                        struct bytes group_id, extensions;
                        uint16_t version, cipher_suite;
                } reinit;
                struct bytes kem_output;
                struct bytes extensions;
        };
        struct bytes encoded;
};

/* Reads one. A type that is not known is an error, -EPROTONOSUPPORT, for where it ends cannot be told; nor may a commit
 * have it as long as we, a member who would process it, do not list it (§12.2). */
void proposal_read(struct reader *r, struct proposal *out);

/* Each appends one Proposal. @key_package: encoded; @psk with its nonce; @extensions: the content of extensions<V>. */
void proposal_write_add(struct writer *w, struct bytes key_package);
void proposal_write_update(struct writer *w, struct bytes leaf_node);
void proposal_write_remove(struct writer *w, uint32_t leaf);
void proposal_write_psk(struct writer *w, const struct psk_id *psk);
void proposal_write_reinit(struct writer *w, struct bytes group_id, const struct suite *s, struct bytes extensions);
void proposal_write_external_init(struct writer *w, struct bytes kem_output);
void proposal_write_group_context_extensions(struct writer *w, struct bytes extensions);
