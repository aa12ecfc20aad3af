/* The key schedule (RFC 9420 §8): from one epoch's init secret and a commit secret to all secrets of the next. */
#pragma once

#include "cryptod/mls/suite.h"

/* The secrets of an epoch, each of Nh bytes and owned by the struct. A secret that has been used up is NULL. */
struct key_schedule {
        struct secret *sender_data_secret;
        struct secret *encryption_secret; /* becomes the secret tree, and is gone then */
        struct secret *exporter_secret;
        struct secret *external_secret;
        struct secret *confirmation_key;
        struct secret *membership_key;
        struct secret *resumption_psk;
        struct secret *epoch_authenticator;
        struct secret *init_secret; /* of the next epoch */
};

void key_schedule_release(struct key_schedule *k);

/* joiner_secret, from the last epoch's init secret, the commit secret (or zeroes), and the new GroupContext. */
struct secret *key_schedule_joiner(const struct suite *s, const struct secret *init_secret,
                                   const struct secret *commit_secret, struct bytes group_context);

/* welcome_secret, from joiner and PSK secret. */
struct secret *key_schedule_welcome(const struct suite *s, const struct secret *joiner_secret,
                                    const struct secret *psk_secret);

/* All secrets of the epoch whose GroupContext is given. */
void key_schedule_epoch(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                        struct bytes group_context, struct key_schedule *out);

/* The key pair of external commits (§8.3): the public key is appended to @public_key. */
struct secret *key_schedule_external_key_pair(const struct suite *s, const struct key_schedule *k,
                                              struct writer *public_key);

/* MLS-Exporter (§8.5). */
struct secret *key_schedule_export(const struct suite *s, const struct key_schedule *k, const char *label,
                                   struct bytes context, size_t size);
