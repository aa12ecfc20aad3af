/* Signed but unencrypted messages (RFC 9420 §6.2). The bytes here are what follows version and wire format in an
 * MLSMessage. */
#pragma once

#include "cryptod/mls/framing.h"

/* Appends a member's message; application data is refused with -EPERM, for it must never travel in the clear. */
int public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                         const struct authenticated_content *a, struct writer *out);

/* Reads one, as views. Nothing has been verified yet, and application data has to be refused by the caller. */
int public_message_read(struct reader *r, struct authenticated_content *out, struct bytes *membership_tag);

/* Checks a member's membership tag, in constant time. -EBADMSG. The signature is authenticated_content_verify()'s
 * business. */
int public_message_check_membership(const struct suite *s, const struct secret *membership_key,
                                    struct bytes group_context, const struct authenticated_content *a,
                                    struct bytes membership_tag);
