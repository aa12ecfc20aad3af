/* A link by which somebody comes into a group, also as a QR code: a contact link of the member who has made it
 * (contact_link.h), and the invitation.
 *
 *     visavis:alice@hub.example.org:7843?root=F&hub=K&join=J&until=T
 *
 *     J    base64url of the invitation's id (16 bytes) and its private key (invitation.h)
 *     T    when it expires, seconds since 1970
 *
 * Whoever has it can come in: it is as secret as what is said in the group. Clients that do not know it take it for a
 * contact link. */
#pragma once

#include "cryptod/conversation/contact_link.h"
#include "cryptod/conversation/invitation.h"
#include "services/secret.h"

struct invitation_link {
        struct contact_link inviter;
        uint8_t id[INVITATION_ID_SIZE];
        struct secret *key; /* owned */
        uint64_t expires;
};

void invitation_link_release(struct invitation_link *l);

/* The text, NUL-terminated. -EMSGSIZE if it does not fit. */
int invitation_link_write(const struct invitation_link *l, char out[static CONTACT_LINK_MAX]);

/* -EINVAL, and *reason is set to a constant sentence. */
int invitation_link_read(const char *text, struct invitation_link *out, const char **reason);
