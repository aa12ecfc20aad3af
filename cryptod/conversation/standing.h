/* What the person has decided about a conversation, or about somebody, for this account alone: whether they want it at
 * all, whether it may make a noise, and what they call them. */
#pragma once

#include "services/bytes.h"

enum approval {
        APPROVAL_GIVEN,   /* a contact; or the person has begun it, answered it, or accepted it */
        APPROVAL_MET,     /* known from a group alone, removed, or declined: nothing of it waits */
        APPROVAL_REQUEST, /* somebody who is no contact has begun it, and the person has not decided */
};

enum { NICKNAME_MAX = 64, STANDING_PIN_SIZE = 32 };

#define MUTED_FOR_GOOD UINT64_MAX

struct standing {
        enum approval approval;
        bool blocked;         /* nothing of theirs is shown or followed */
        bool archived;        /* out of sight until something comes */
        uint64_t muted_until; /* seconds since 1970; 0: not muted */
        char nickname[NICKNAME_MAX + 1];
        /* The fingerprint that their key has to have as long as it is not known (contact_link.h), and whether it counts
         * as verified then. */
        bool pinned, pinned_in_person;
        uint8_t pin[STANDING_PIN_SIZE];
};

/* request, met or accepted, as the bus says it. */
const char *approval_name(enum approval a);

/* UTF-8 of up to NICKNAME_MAX bytes without control characters; may be empty. */
bool nickname_valid(struct bytes nickname);

/* @now: seconds since 1970. */
bool standing_is_muted(const struct standing *s, uint64_t now);

/* Of the row of a conversation: appends it, and reads all that is left. -EBADMSG */
void standing_write(const struct standing *s, struct writer *w);
int standing_read(struct bytes input, struct standing *out);
