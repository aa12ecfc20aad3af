#include "cryptod/mls/hpke.h"

#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "services/cleanup.h"

/* The id under which labels are bound: of the KEM alone, or of KEM, KDF and AEAD. */
struct suite_id {
        uint8_t bytes[10];
        size_t size;
};

struct context {
        struct secret *key, *nonce, *exporter_secret;
};

static void context_release(struct context *c)
{
        secret_free(c->key);
        secret_free(c->nonce);
        secret_free(c->exporter_secret);
}

#define _cleanup_context_ __attribute__((cleanup(context_release)))

static struct suite_id kem_suite_id(const struct suite *s)
{
        return (struct suite_id){ { 'K', 'E', 'M', (uint8_t) (s->kem.id >> 8), (uint8_t) s->kem.id }, 5 };
}

static struct suite_id hpke_suite_id(const struct suite *s)
{
        return (struct suite_id){ { 'H', 'P', 'K', 'E', (uint8_t) (s->kem.id >> 8), (uint8_t) s->kem.id,
                                    (uint8_t) (s->kdf_id >> 8), (uint8_t) s->kdf_id, (uint8_t) (s->aead_id >> 8),
                                    (uint8_t) s->aead_id },
                                  10 };
}

/* RFC 9180 §4: LabeledExtract and LabeledExpand. */
static struct secret *labeled_extract(const char *digest, struct suite_id id, struct bytes salt, const char *label,
                                      struct bytes ikm)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fixed(&w, BYTES_STRING("HPKE-v1"));
        write_fixed(&w, BYTES(id.bytes, id.size));
        write_fixed(&w, BYTES_STRING(label));
        write_fixed(&w, ikm);
        if (writer_finish(&w) < 0)
                abort();
        return kdf_extract(digest, salt, writer_bytes(&w));
}

static struct secret *labeled_expand(const char *digest, struct suite_id id, const struct secret *prk,
                                     const char *label, struct bytes info, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u16(&w, (uint16_t) size);
        write_fixed(&w, BYTES_STRING("HPKE-v1"));
        write_fixed(&w, BYTES(id.bytes, id.size));
        write_fixed(&w, BYTES_STRING(label));
        write_fixed(&w, info);
        if (writer_finish(&w) < 0)
                abort();
        return kdf_expand(digest, secret_bytes(prk), writer_bytes(&w), size);
}

struct secret *hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key)
{
        struct suite_id id = kem_suite_id(s);
        _cleanup_secret_ struct secret *prk = labeled_extract(s->kem.digest, id, BYTES(NULL, 0), "dkp_prk", ikm);

        for (unsigned counter = 0; counter < 256; counter++) {
                _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
                _cleanup_secret_ struct secret *candidate = NULL;
                uint8_t byte = (uint8_t) counter;

                if (s->kem.bitmask) {
                        candidate = labeled_expand(s->kem.digest, id, prk, "candidate", BYTES(&byte, 1),
                                                   s->kem.private_size);
                        candidate->data[0] &= s->kem.bitmask;
                } else {
                        candidate = labeled_expand(s->kem.digest, id, prk, "sk", BYTES(NULL, 0), s->kem.private_size);
                }
                if (key_from_private(s->kem.group, candidate, &key) == 0 && key_write_public(key, public_key) == 0)
                        return TAKE(candidate);
        }
        abort(); /* 256 candidates outside the group's order: not by chance */
}

static int diffie_hellman(const struct suite *s, EVP_PKEY *own, EVP_PKEY *peer, struct secret **out)
{
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        size_t size = s->kem.private_size; /* Ndh equals Nsk for every group of §7.1 */
        struct secret *shared = secret_new(size);

        /* An all-zero result of X25519 or X448 makes the derivation fail (RFC 9180 §7.1.4). */
        if (!context || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer(context, peer) != 1 ||
            EVP_PKEY_derive(context, shared->data, &size) != 1 || size != shared->size) {
                secret_free(shared);
                return -EBADMSG;
        }
        *out = shared;
        return 0;
}

static struct secret *extract_and_expand(const struct suite *s, const struct secret *dh, struct bytes kem_output,
                                         struct bytes public_key)
{
        struct suite_id id = kem_suite_id(s);
        _cleanup_secret_ struct secret *prk =
                labeled_extract(s->kem.digest, id, BYTES(NULL, 0), "eae_prk", secret_bytes(dh));
        _cleanup_writer_ struct writer kem_context = WRITER_INIT;

        write_fixed(&kem_context, kem_output);
        write_fixed(&kem_context, public_key);
        if (writer_finish(&kem_context) < 0)
                abort();
        return labeled_expand(s->kem.digest, id, prk, "shared_secret", writer_bytes(&kem_context), s->kem.secret_size);
}

static int encap(const struct suite *s, struct bytes public_key, struct writer *kem_output, struct secret **out)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *peer = NULL, *ephemeral = NULL;
        _cleanup_secret_ struct secret *dh = NULL;
        size_t start = kem_output->size;
        int r;

        r = key_from_public(s->kem.group, public_key, &peer);
        if (r < 0)
                return r;
        ephemeral = key_generate(s->kem.group);
        r = diffie_hellman(s, ephemeral, peer, &dh);
        if (r >= 0)
                r = key_write_public(ephemeral, kem_output);
        if (r < 0)
                return r;
        *out = extract_and_expand(s, dh, BYTES(kem_output->data + start, kem_output->size - start), public_key);
        return 0;
}

static int decap(const struct suite *s, const struct secret *private_key, struct bytes kem_output, struct secret **out)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *own = NULL, *peer = NULL;
        _cleanup_writer_ struct writer public_key = WRITER_INIT;
        _cleanup_secret_ struct secret *dh = NULL;
        int r;

        r = key_from_public(s->kem.group, kem_output, &peer);
        if (r >= 0)
                r = key_from_private(s->kem.group, private_key, &own);
        if (r >= 0)
                r = key_write_public(own, &public_key);
        if (r >= 0)
                r = diffie_hellman(s, own, peer, &dh);
        if (r < 0)
                return r;
        *out = extract_and_expand(s, dh, kem_output, writer_bytes(&public_key));
        return 0;
}

/* KeySchedule (§5.1) in base mode: no PSK, no sender authentication. */
static struct context key_schedule(const struct suite *s, const struct secret *shared_secret, struct bytes info)
{
        struct suite_id id = hpke_suite_id(s);
        struct bytes none = BYTES(NULL, 0);
        _cleanup_secret_ struct secret *psk_id_hash = labeled_extract(s->digest, id, none, "psk_id_hash", none);
        _cleanup_secret_ struct secret *info_hash = labeled_extract(s->digest, id, none, "info_hash", info);
        _cleanup_secret_ struct secret *secret =
                labeled_extract(s->digest, id, secret_bytes(shared_secret), "secret", none);
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u8(&w, 0); /* mode_base */
        write_fixed(&w, secret_bytes(psk_id_hash));
        write_fixed(&w, secret_bytes(info_hash));
        if (writer_finish(&w) < 0)
                abort();
        return (struct context){
                .key = labeled_expand(s->digest, id, secret, "key", writer_bytes(&w), s->aead_key_size),
                .nonce = labeled_expand(s->digest, id, secret, "base_nonce", writer_bytes(&w), SUITE_NONCE_SIZE),
                .exporter_secret = labeled_expand(s->digest, id, secret, "exp", writer_bytes(&w), s->hash_size),
        };
}

static int setup_sender(const struct suite *s, struct bytes public_key, struct bytes info, struct writer *kem_output,
                        struct context *out)
{
        _cleanup_secret_ struct secret *shared_secret = NULL;
        int r = encap(s, public_key, kem_output, &shared_secret);

        if (r < 0)
                return r;
        *out = key_schedule(s, shared_secret, info);
        return 0;
}

static int setup_receiver(const struct suite *s, const struct secret *private_key, struct bytes kem_output,
                          struct bytes info, struct context *out)
{
        _cleanup_secret_ struct secret *shared_secret = NULL;
        int r = decap(s, private_key, kem_output, &shared_secret);

        if (r < 0)
                return r;
        *out = key_schedule(s, shared_secret, info);
        return 0;
}

int hpke_seal(const struct suite *s, struct bytes public_key, struct bytes info, struct bytes aad, struct bytes plain,
              struct writer *kem_output, struct writer *ciphertext)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_sender(s, public_key, info, kem_output, &c);

        return r < 0 ? r : suite_seal(s, c.key, c.nonce, aad, plain, ciphertext);
}

int hpke_open(const struct suite *s, const struct secret *private_key, struct bytes kem_output, struct bytes info,
              struct bytes aad, struct bytes ciphertext, struct writer *plain)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_receiver(s, private_key, kem_output, info, &c);

        return r < 0 ? r : suite_open(s, c.key, c.nonce, aad, ciphertext, plain);
}

int hpke_send_export(const struct suite *s, struct bytes public_key, struct bytes info, struct bytes exporter_context,
                     size_t size, struct writer *kem_output, struct secret **out)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_sender(s, public_key, info, kem_output, &c);

        if (r < 0)
                return r;
        *out = labeled_expand(s->digest, hpke_suite_id(s), c.exporter_secret, "sec", exporter_context, size);
        return 0;
}

int hpke_receive_export(const struct suite *s, const struct secret *private_key, struct bytes kem_output,
                        struct bytes info, struct bytes exporter_context, size_t size, struct secret **out)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_receiver(s, private_key, kem_output, info, &c);

        if (r < 0)
                return r;
        *out = labeled_expand(s->digest, hpke_suite_id(s), c.exporter_secret, "sec", exporter_context, size);
        return 0;
}

/* struct { opaque label<V> = "MLS 1.0 " + Label; opaque context<V>; } EncryptContext */
static int write_encrypt_context(struct writer *w, const char *label, struct bytes context)
{
        size_t mark = writer_open_vector(w);

        write_fixed(w, BYTES_STRING("MLS 1.0 "));
        write_fixed(w, BYTES_STRING(label));
        writer_close_vector(w, mark);
        write_vector(w, context);
        return writer_finish(w);
}

int hpke_encrypt_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes context,
                            struct bytes plain, struct writer *kem_output, struct writer *ciphertext)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        int r = write_encrypt_context(&info, label, context);

        return r < 0 ? r : hpke_seal(s, public_key, writer_bytes(&info), BYTES(NULL, 0), plain, kem_output, ciphertext);
}

int hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, const char *label,
                            struct bytes context, struct bytes kem_output, struct bytes ciphertext,
                            struct writer *plain)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        int r = write_encrypt_context(&info, label, context);

        return r < 0 ? r
                     : hpke_open(s, private_key, kem_output, writer_bytes(&info), BYTES(NULL, 0), ciphertext, plain);
}
