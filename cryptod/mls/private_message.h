/* Encrypted messages (RFC 9420 §6.3). The bytes here are what follows version and wire format in an MLSMessage. */
#pragma once

#include "cryptod/mls/framing.h"
#include "cryptod/mls/secret_tree.h"

/* A private message as it arrived, still closed. */
struct private_message {
        struct bytes group_id;
        uint64_t epoch;
        enum content_type content_type;
        struct bytes authenticated_data, encrypted_sender_data, ciphertext;
};

/* What an open message is made of. The views of @content point into @plain, which the caller releases. */
struct opened_message {
        struct authenticated_content content;
        uint32_t generation;
        struct writer plain;
};

/* Encrypts a member's content under the next key of its ratchet, which is gone afterwards: the message must be sent or
 * lost, never made again. @pad_to: the plaintext is padded with zeroes to a multiple of it (0: none). Appends to @out.
 */
int private_message_seal(const struct suite *s, struct secret_tree *tree, const struct secret *sender_data_secret,
                         const struct authenticated_content *a, size_t pad_to, struct writer *out);

int private_message_read(struct reader *r, struct private_message *out);

/* Decrypts. The key stays in @tree until private_message_consume(), which the caller calls once the signature has been
 * verified. -EBADMSG, -EALREADY, -ERANGE (see secret_tree_peek()). */
int private_message_open(const struct suite *s, struct secret_tree *tree, const struct secret *sender_data_secret,
                         const struct private_message *m, struct opened_message *out);
void private_message_consume(struct secret_tree *tree, const struct opened_message *m);
