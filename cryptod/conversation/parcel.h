/* What an envelope holds: an MLSMessage, or a commit together with the Welcome of those whom it adds.
 *
 *     struct {
 *         uint16 format = 0xf101;       no version of MLS, with which an MLSMessage begins
 *         opaque commit<V>, welcome<V>; an MLSMessage each
 *     } Parcel;
 *
 * The hub takes both in with the commit's epoch or neither, and before anything that is made in the new epoch: whoever
 * is added gets the Welcome before the first message that needs it (docs/decisions/welcome-beside-its-commit.md). */
#pragma once

#include "services/bytes.h"

struct parcel {
        struct bytes message; /* a commit, if there is a Welcome */
        struct bytes welcome; /* empty: none */
};

/* Appends the commit alone if @p has no Welcome. */
void parcel_write(const struct parcel *p, struct writer *w);

/* As views; what they hold has not been looked at. -EBADMSG */
int parcel_read(struct bytes envelope, struct parcel *out);
