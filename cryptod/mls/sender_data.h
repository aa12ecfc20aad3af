/* Who sent a private message, encrypted apart from its content (RFC 9420 §6.3.2), under a key bound to a sample of the
 * ciphertext. */
#pragma once

#include "cryptod/mls/suite.h"

enum { REUSE_GUARD_SIZE = 4, SEALED_SENDER_DATA_SIZE = 4 + 4 + REUSE_GUARD_SIZE + SUITE_TAG_SIZE };

struct sender_data {
        uint32_t leaf_index;
        uint32_t generation;
        uint8_t reuse_guard[REUSE_GUARD_SIZE];
};

/* Key and nonce for the sender data of a message with this ciphertext. New secrets. */
void sender_data_keys(const struct suite *s, const struct secret *sender_data_secret, struct bytes ciphertext,
                      struct secret **key, struct secret **nonce);

/* Seals to @out, and opens. @aad: SenderDataAAD (group id, epoch, content type). -EBADMSG */
int sender_data_seal(const struct suite *s, const struct secret *sender_data_secret, struct bytes aad,
                     struct bytes ciphertext, const struct sender_data *data, struct writer *out);
int sender_data_open(const struct suite *s, const struct secret *sender_data_secret, struct bytes aad,
                     struct bytes ciphertext, struct bytes sealed, struct sender_data *out);
