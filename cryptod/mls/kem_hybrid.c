/* The post-quantum hybrids of draft-irtf-cfrg-concrete-hybrid-kems, as draft-ietf-hpke-pq makes KEMs of HPKE of them:
 * ML-KEM (FIPS 203) and a Diffie-Hellman group, both of which an attacker has to break. A private key is a seed of 32
 * bytes, of which both private keys are expanded:
 *
 *     SHAKE256(seed) = seed of ML-KEM ‖ seed of the group's scalar
 *     shared secret  = SHA3-256(ML-KEM's ‖ the group's ‖ the group's output ‖ the group's public key ‖ label)
 *
 * Public keys and outputs are ML-KEM's and then the group's. ML-KEM comes from OpenSSL, from 3.5 on; where it has none,
 * these rows are not available. */
#include <errno.h>
#include <openssl/core_names.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/kem.h"
#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { SEED_SIZE = 32, ML_KEM_SEED_SIZE = 64, ML_KEM_SECRET_SIZE = 32, SHARED_SIZE = 32 };

struct hybrid {
        const char *ml_kem, *group; /* OpenSSL's names */
        size_t ml_kem_public, ml_kem_output, group_public, scalar_size;
        size_t scalar_tries; /* of how many candidates the group's seed consists */
        const char *label;
        bool labeled; /* DeriveKeyPair as in draft-ietf-hpke-pq; else as in draft-connolly-cfrg-xwing-kem */
};

/* Both private keys, or both public ones. */
struct pair {
        EVP_PKEY *ml_kem, *group;
};

static void pair_release(struct pair *p)
{
        EVP_PKEY_free(p->ml_kem);
        EVP_PKEY_free(p->group);
}

#define _cleanup_pair_ _cleanup_(pair_release)

static const struct hybrid *hybrid(const struct kem *k)
{
        return k->parameters;
}

static void must(bool good)
{
        if (!good)
                abort();
}

static int ml_kem_from_seed(const char *name, struct bytes seed, EVP_PKEY **out)
{
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, name, NULL);
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_octet_string("seed", (void *) seed.data, seed.size),
                OSSL_PARAM_construct_end(),
        };

        return context && EVP_PKEY_fromdata_init(context) == 1 &&
                               EVP_PKEY_fromdata(context, out, EVP_PKEY_KEYPAIR, parameters) == 1
                       ? 0
                       : -EBADMSG;
}

/* expandDecapsulationKey. @group_public may be empty: it is computed. */
static int expand(const struct hybrid *h, struct bytes seed, struct bytes group_public, struct pair *out)
{
        size_t scalars = h->scalar_size * h->scalar_tries;
        _cleanup_secret_ struct secret *expanded = shake256(seed, ML_KEM_SEED_SIZE + scalars);
        int r = ml_kem_from_seed(h->ml_kem, BYTES(expanded->data, ML_KEM_SEED_SIZE), &out->ml_kem);

        for (size_t i = 0; r >= 0 && i < h->scalar_tries; i++) {
                _cleanup_secret_ struct secret *scalar =
                        secret_copy(BYTES(expanded->data + ML_KEM_SEED_SIZE + i * h->scalar_size, h->scalar_size));

                /* Which candidate is the scalar is known only by computing. */
                if (key_from_private(h->group, scalar, h->scalar_tries > 1 ? BYTES(NULL, 0) : group_public,
                                     &out->group) == 0)
                        return 0;
        }
        return -EBADMSG;
}

static int write_public(const struct hybrid *h, const struct pair *p, struct writer *out)
{
        size_t size = h->ml_kem_public;
        uint8_t *public_key = writer_append(out, size);

        if (!public_key || EVP_PKEY_get_raw_public_key(p->ml_kem, public_key, &size) != 1 || size != h->ml_kem_public)
                return -EBADMSG;
        return key_write_public(p->group, out);
}

/* LabeledDerive of SHAKE256 (draft-ietf-hpke-pq, draft-ietf-hpke-hpke §4). */
static struct secret *derive_seed(const struct kem *k, struct bytes ikm)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fixed(&w, ikm);
        if (hybrid(k)->labeled) {
                write_fixed(&w, BYTES_STRING("HPKE-v1KEM"));
                write_u16(&w, k->id);
                write_u16(&w, strlen("DeriveKeyPair"));
                write_fixed(&w, BYTES_STRING("DeriveKeyPair"));
                write_u16(&w, SEED_SIZE);
        }
        must(writer_finish(&w) == 0);
        return shake256(writer_bytes(&w), SEED_SIZE);
}

static struct secret *derive_key_pair(const struct kem *k, struct bytes ikm, struct writer *public_key)
{
        struct secret *seed = derive_seed(k, ikm);
        _cleanup_pair_ struct pair p = { 0 };

        must(expand(hybrid(k), secret_bytes(seed), BYTES(NULL, 0), &p) == 0 &&
             write_public(hybrid(k), &p, public_key) == 0);
        return seed;
}

static struct secret *combine(const struct hybrid *h, const struct secret *ml_kem, const struct secret *group,
                              struct bytes output, struct bytes public_key)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct secret *shared = secret_new(SHARED_SIZE);

        write_fixed(&w, secret_bytes(ml_kem));
        write_fixed(&w, secret_bytes(group));
        write_fixed(&w, output);
        write_fixed(&w, public_key);
        write_fixed(&w, BYTES_STRING(h->label));
        must(writer_finish(&w) == 0 && EVP_Q_digest(NULL, "SHA3-256", NULL, w.data, w.size, shared->data, NULL) == 1);
        return shared;
}

static int read_public(const struct hybrid *h, struct bytes public_key, struct pair *out)
{
        if (public_key.size != h->ml_kem_public + h->group_public)
                return -EBADMSG;
        out->ml_kem = EVP_PKEY_new_raw_public_key_ex(NULL, h->ml_kem, NULL, public_key.data, h->ml_kem_public);
        return out->ml_kem ? key_from_public(h->group, BYTES(public_key.data + h->ml_kem_public, h->group_public),
                                             &out->group)
                           : -EBADMSG;
}

static int check_public_key(const struct kem *k, struct bytes public_key)
{
        const struct hybrid *h = hybrid(k);
        _cleanup_pair_ struct pair pair = { 0 };
        int r = read_public(h, public_key, &pair);

        return r < 0 ? r : key_check_public(h->group, BYTES(public_key.data + h->ml_kem_public, h->group_public));
}

static int encapsulate(const struct kem *k, struct bytes public_key, struct writer *output, struct secret **shared)
{
        const struct hybrid *h = hybrid(k);
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = NULL;
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *ephemeral = NULL;
        _cleanup_secret_ struct secret *ml_kem = secret_new(ML_KEM_SECRET_SIZE), *group = NULL;
        _cleanup_pair_ struct pair peer = { 0 };
        size_t output_size = h->ml_kem_output, secret_size = ml_kem->size, start;
        uint8_t *p;
        int r = read_public(h, public_key, &peer);

        if (r < 0)
                return r;
        p = writer_append(output, output_size);
        context = EVP_PKEY_CTX_new_from_pkey(NULL, peer.ml_kem, NULL);
        if (!p || !context || EVP_PKEY_encapsulate_init(context, NULL) != 1 ||
            EVP_PKEY_encapsulate(context, p, &output_size, ml_kem->data, &secret_size) != 1 ||
            output_size != h->ml_kem_output || secret_size != ml_kem->size)
                return -EBADMSG;
        ephemeral = key_generate(h->group);
        r = key_agree(ephemeral, peer.group, h->scalar_size, &group);
        start = output->size;
        if (r >= 0)
                r = key_write_public(ephemeral, output);
        if (r < 0)
                return r;
        *shared = combine(h, ml_kem, group, BYTES(output->data + start, output->size - start),
                          BYTES(public_key.data + h->ml_kem_public, h->group_public));
        return 0;
}

static int decapsulate(const struct kem *k, const struct secret *private_key, struct bytes public_key,
                       struct bytes output, struct secret **shared)
{
        const struct hybrid *h = hybrid(k);
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = NULL;
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *peer = NULL;
        _cleanup_secret_ struct secret *ml_kem = secret_new(ML_KEM_SECRET_SIZE), *group = NULL;
        _cleanup_writer_ struct writer computed = WRITER_INIT;
        _cleanup_pair_ struct pair own = { 0 };
        size_t secret_size = ml_kem->size;
        struct bytes group_public = { NULL, 0 }, group_output;
        int r;

        if (private_key->size != SEED_SIZE || output.size != k->output_size ||
            (public_key.size > 0 && public_key.size != k->public_size))
                return -EBADMSG;
        group_output = BYTES(output.data + h->ml_kem_output, h->group_public);
        if (public_key.size > 0)
                group_public = BYTES(public_key.data + h->ml_kem_public, h->group_public);
        r = expand(h, secret_bytes(private_key), group_public, &own);
        if (r >= 0)
                r = key_from_public(h->group, group_output, &peer);
        if (r >= 0 && group_public.size == 0) {
                r = key_write_public(own.group, &computed);
                group_public = writer_bytes(&computed);
        }
        if (r >= 0)
                r = key_agree(own.group, peer, h->scalar_size, &group);
        if (r < 0)
                return r;
        context = EVP_PKEY_CTX_new_from_pkey(NULL, own.ml_kem, NULL);
        if (!context || EVP_PKEY_decapsulate_init(context, NULL) != 1 ||
            EVP_PKEY_decapsulate(context, ml_kem->data, &secret_size, output.data, h->ml_kem_output) != 1 ||
            secret_size != ml_kem->size)
                return -EBADMSG;
        *shared = combine(h, ml_kem, group, group_output, group_public);
        return 0;
}

/* OpenSSL is asked once: what it offers does not change while it is loaded. */
static bool available(const struct kem *k)
{
        static atomic_int answer; /* 0: not asked yet */
        int a = atomic_load(&answer);

        if (a == 0) {
                EVP_KEM *found = EVP_KEM_fetch(NULL, "ML-KEM-768", NULL);

                a = found ? 1 : -1;
                EVP_KEM_free(found);
                atomic_store(&answer, a);
        }
        return a > 0;
}

#define HYBRID(id, public_size, output_size, ...)                                                                      \
        {                                                                                                              \
                id, SHARED_SIZE, output_size, public_size, SEED_SIZE, derive_key_pair, check_public_key, encapsulate,  \
                        decapsulate, &(const struct hybrid){ __VA_ARGS__ }, available                                  \
        }

const struct kem kem_mlkem768_x25519 =
        HYBRID(0x647a, 1216, 1120, "ML-KEM-768", "X25519", 1184, 1088, 32, 32, 1, "\\.//^\\", true);
const struct kem kem_mlkem768_p256 =
        HYBRID(0x0050, 1249, 1153, "ML-KEM-768", "P-256", 1184, 1088, 65, 32, 4, "MLKEM768-P256", true);
const struct kem kem_mlkem1024_p384 =
        HYBRID(0x0051, 1665, 1665, "ML-KEM-1024", "P-384", 1568, 1568, 97, 48, 1, "MLKEM1024-P384", true);
const struct kem kem_xwing =
        HYBRID(0x647a, 1216, 1120, "ML-KEM-768", "X25519", 1184, 1088, 32, 32, 1, "\\.//^\\", false);
