#include "cryptod/mls/key_schedule.h"

#include "cryptod/mls/hpke.h"

void key_schedule_release(struct key_schedule *k)
{
        secret_free(k->sender_data_secret);
        secret_free(k->encryption_secret);
        secret_free(k->exporter_secret);
        secret_free(k->external_secret);
        secret_free(k->confirmation_key);
        secret_free(k->membership_key);
        secret_free(k->resumption_psk);
        secret_free(k->epoch_authenticator);
        secret_free(k->init_secret);
        *k = (struct key_schedule){ 0 };
}

struct secret *key_schedule_joiner(const struct suite *s, const struct secret *init_secret,
                                   const struct secret *commit_secret, struct bytes group_context)
{
        _cleanup_secret_ struct secret *extracted =
                suite_extract(s, secret_bytes(init_secret), secret_bytes(commit_secret));

        return suite_expand_with_label(s, extracted, "joiner", group_context, s->hash_size);
}

struct secret *key_schedule_welcome(const struct suite *s, const struct secret *joiner_secret,
                                    const struct secret *psk_secret)
{
        _cleanup_secret_ struct secret *member =
                suite_extract(s, secret_bytes(joiner_secret), secret_bytes(psk_secret));

        return suite_derive_secret(s, member, "welcome");
}

void key_schedule_epoch(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                        struct bytes group_context, struct key_schedule *out)
{
        _cleanup_secret_ struct secret *member =
                suite_extract(s, secret_bytes(joiner_secret), secret_bytes(psk_secret));
        _cleanup_secret_ struct secret *epoch =
                suite_expand_with_label(s, member, "epoch", group_context, s->hash_size);

        *out = (struct key_schedule){
                .sender_data_secret = suite_derive_secret(s, epoch, "sender data"),
                .encryption_secret = suite_derive_secret(s, epoch, "encryption"),
                .exporter_secret = suite_derive_secret(s, epoch, "exporter"),
                .external_secret = suite_derive_secret(s, epoch, "external"),
                .confirmation_key = suite_derive_secret(s, epoch, "confirm"),
                .membership_key = suite_derive_secret(s, epoch, "membership"),
                .resumption_psk = suite_derive_secret(s, epoch, "resumption"),
                .epoch_authenticator = suite_derive_secret(s, epoch, "authentication"),
                .init_secret = suite_derive_secret(s, epoch, "init"),
        };
}

struct secret *key_schedule_external_key_pair(const struct suite *s, const struct key_schedule *k,
                                              struct writer *public_key)
{
        return hpke_derive_key_pair(s, secret_bytes(k->external_secret), public_key);
}

struct secret *key_schedule_export(const struct suite *s, const struct key_schedule *k, const char *label,
                                   struct bytes context, size_t size)
{
        _cleanup_secret_ struct secret *derived = suite_derive_secret(s, k->exporter_secret, label);
        uint8_t hash[SUITE_HASH_MAX];

        suite_hash(s, context, hash);
        return suite_expand_with_label(s, derived, "exported", BYTES(hash, s->hash_size), size);
}
