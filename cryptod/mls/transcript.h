/* Transcript hashes: what a group's members agree to have seen (RFC 9420 §8.2). */
#pragma once

#include "cryptod/mls/framing.h"

/* The confirmed transcript hash after a commit. @interim: the interim hash before it (empty in epoch 0). Nh bytes to
 * @out. -EBADMSG if @commit is no commit. */
int transcript_confirm(const struct suite *s, struct bytes interim, const struct authenticated_content *commit,
                       uint8_t out[static SUITE_HASH_MAX]);

/* The interim transcript hash that follows, from the confirmed one and the commit's confirmation tag. */
int transcript_interim(const struct suite *s, struct bytes confirmed, struct bytes confirmation_tag,
                       uint8_t out[static SUITE_HASH_MAX]);
