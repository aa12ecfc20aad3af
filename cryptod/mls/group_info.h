/* GroupInfo: an epoch as a member vouches for it to somebody who is outside (RFC 9420 §12.4.3). */
#pragma once

#include "cryptod/mls/group_context.h"

/* Extensions that belong to the protocol (§17.3). */
enum extension_type {
        EXTENSION_APPLICATION_ID = 1,
        EXTENSION_RATCHET_TREE = 2,
        EXTENSION_REQUIRED_CAPABILITIES = 3,
        EXTENSION_EXTERNAL_PUB = 4,
        EXTENSION_EXTERNAL_SENDERS = 5,
        EXTENSION_LAST_RESORT = 10, /* draft-ietf-mls-extensions */
};

struct group_info {
        struct group_context context; /* owned */
        struct bytes extensions, confirmation_tag;
        uint32_t signer;
        struct bytes signature;
        struct bytes content; /* GroupInfoTBS */
};

void group_info_release(struct group_info *g);

/* Reads one; all but the context are views. -EBADMSG, -EPROTONOSUPPORT */
int group_info_read(struct reader *r, struct group_info *out);

/* Verifies the signer's signature. -EBADMSG */
int group_info_verify(const struct group_info *g, struct bytes signature_key);

/* Appends a signed GroupInfo. */
int group_info_write(const struct group_context *c, struct bytes extensions, struct bytes confirmation_tag,
                     uint32_t signer, const struct signature_key *signature_key, struct writer *out);
