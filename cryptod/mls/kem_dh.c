/* The KEMs of RFC 9180 §4.1, over Diffie-Hellman groups. */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/hpke_kdf.h"
#include "cryptod/mls/kem.h"
#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "services/cleanup.h"

struct dh {
        const char *group; /* OpenSSL's name */
        const struct hash *hash;
        uint8_t bitmask; /* of DeriveKeyPair for NIST curves; 0 for X25519 and X448 */
};

static const struct dh *dh(const struct kem *k)
{
        return k->parameters;
}

struct kem_suite_id {
        uint8_t bytes[5];
};

static struct kem_suite_id suite_id(const struct kem *k)
{
        return (struct kem_suite_id){ { 'K', 'E', 'M', (uint8_t) (k->id >> 8), (uint8_t) k->id } };
}

static struct secret *derive_key_pair(const struct kem *k, struct bytes ikm, struct writer *public_key)
{
        const struct dh *d = dh(k);
        struct kem_suite_id id = suite_id(k);
        _cleanup_secret_ struct secret *prk =
                hpke_labeled_extract(d->hash, BYTES_OF(id.bytes), BYTES(NULL, 0), "dkp_prk", ikm);

        for (unsigned counter = 0; counter < 256; counter++) {
                _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
                _cleanup_secret_ struct secret *candidate = NULL;
                uint8_t byte = (uint8_t) counter;

                if (d->bitmask) {
                        candidate = hpke_labeled_expand(d->hash, BYTES_OF(id.bytes), prk, "candidate", BYTES(&byte, 1),
                                                        k->private_size);
                        candidate->data[0] &= d->bitmask;
                } else {
                        candidate = hpke_labeled_expand(d->hash, BYTES_OF(id.bytes), prk, "sk", BYTES(NULL, 0),
                                                        k->private_size);
                }
                if (key_from_private(d->group, candidate, BYTES(NULL, 0), &key) == 0 &&
                    key_write_public(key, public_key) == 0)
                        return TAKE(candidate);
        }
        abort(); /* 256 candidates outside the group's order: not by chance */
}

static struct secret *extract_and_expand(const struct kem *k, const struct secret *agreed, struct bytes output,
                                         struct bytes public_key)
{
        const struct hash *h = dh(k)->hash;
        struct kem_suite_id id = suite_id(k);
        _cleanup_secret_ struct secret *prk =
                hpke_labeled_extract(h, BYTES_OF(id.bytes), BYTES(NULL, 0), "eae_prk", secret_bytes(agreed));
        _cleanup_writer_ struct writer context = WRITER_INIT;

        write_fixed(&context, output);
        write_fixed(&context, public_key);
        if (writer_finish(&context) < 0)
                abort();
        return hpke_labeled_expand(h, BYTES_OF(id.bytes), prk, "shared_secret", writer_bytes(&context), k->secret_size);
}

static int check_public_key(const struct kem *k, struct bytes public_key)
{
        return key_check_public(dh(k)->group, public_key);
}

static int encapsulate(const struct kem *k, struct bytes public_key, struct writer *output, struct secret **shared)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *peer = NULL, *ephemeral = NULL;
        _cleanup_secret_ struct secret *agreed = NULL;
        size_t start = output->size;
        int r = key_from_public(dh(k)->group, public_key, &peer);

        if (r < 0)
                return r;
        ephemeral = key_generate(dh(k)->group);
        /* Ndh equals Nsk for every group of §7.1. */
        r = key_agree(ephemeral, peer, k->private_size, &agreed);
        if (r >= 0)
                r = key_write_public(ephemeral, output);
        if (r < 0)
                return r;
        *shared = extract_and_expand(k, agreed, BYTES(output->data + start, output->size - start), public_key);
        return 0;
}

static int decapsulate(const struct kem *k, const struct secret *private_key, struct bytes public_key,
                       struct bytes output, struct secret **shared)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *own = NULL, *peer = NULL;
        _cleanup_writer_ struct writer computed = WRITER_INIT;
        _cleanup_secret_ struct secret *agreed = NULL;
        int r = key_from_public(dh(k)->group, output, &peer);

        if (r >= 0)
                r = key_from_private(dh(k)->group, private_key, public_key, &own);
        if (r >= 0 && public_key.size == 0)
                r = key_write_public(own, &computed);
        if (r >= 0)
                r = key_agree(own, peer, k->private_size, &agreed);
        if (r < 0)
                return r;
        *shared = extract_and_expand(k, agreed, output, public_key.size > 0 ? public_key : writer_bytes(&computed));
        return 0;
}

#define DH(id, group, hash, secret_size, public_size, private_size, bitmask)                                           \
        {                                                                                                              \
                id, secret_size, public_size, public_size, private_size, derive_key_pair, check_public_key,            \
                        encapsulate, decapsulate, &(const struct dh){ group, hash, bitmask }, NULL                     \
        }

const struct kem kem_p256 = DH(0x0010, "P-256", &hash_sha256, 32, 65, 32, 0xff);
const struct kem kem_p384 = DH(0x0011, "P-384", &hash_sha384, 48, 97, 48, 0xff);
const struct kem kem_p521 = DH(0x0012, "P-521", &hash_sha512, 64, 133, 66, 0x01);
const struct kem kem_x25519 = DH(0x0020, "X25519", &hash_sha256, 32, 32, 32, 0);
const struct kem kem_x448 = DH(0x0021, "X448", &hash_sha512, 64, 56, 56, 0);
