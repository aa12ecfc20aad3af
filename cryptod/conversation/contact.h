/* What is remembered of a person beside the root key that is trusted (struct conversation): the root key that was
 * verified, another one that came up and was refused, and the key to seal files to. A sealed row of table contact. */
#pragma once

#include "cryptod/conversation/history.h"

enum { CONTACT_WELCOME_MAX = 64 * 1024 };

struct contact {
        struct writer verified; /* the root key whose safety number was compared; empty: none */
        struct writer offered;  /* the root key that was refused last; empty: none */
        struct writer welcome;  /* the invitation that it came with, for when it is accepted; empty: none is kept */
        struct writer sealing;  /* the sealing key that the trusted root key has signed; empty: not known yet */
};

void contact_release(struct contact *k);

/* Empty if nothing is stored. -EBADMSG if the vault is damaged. */
int contact_load(struct vault *v, struct bytes conversation, struct contact *out);

/* Within a transaction. */
int contact_store(struct vault *v, struct bytes conversation, const struct contact *k);
