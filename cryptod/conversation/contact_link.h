/* A link by which somebody becomes a contact, also as a QR code: the address, the key of its hub, and what their root
 * key has to be, so that no hub can put another in its place.
 *
 *     visavis:alice@hub.example.org:7843?root=F&hub=K
 *
 *     F    base64url of the 32 bytes that a safety number's code has of an account (safety_number.h)
 *     K    base64url of the hub's key, as behind the # of an address; may be left out
 *
 * Parts that are not known are passed over. Nothing of it is secret. */
#pragma once

#include "services/address.h"
#include "services/bytes.h"

enum { CONTACT_LINK_PIN_SIZE = 32, CONTACT_LINK_MAX = 512 };

#define CONTACT_LINK_SCHEME "visavis:"

struct contact_link {
        struct address address; /* with the hub's key, if there is one */
        uint8_t pin[CONTACT_LINK_PIN_SIZE];
};

/* The text, NUL-terminated. */
void contact_link_write(const struct contact_link *l, char out[static CONTACT_LINK_MAX]);

/* -EINVAL, and *reason is set to a constant sentence. */
int contact_link_read(const char *text, struct contact_link *out, const char **reason);
