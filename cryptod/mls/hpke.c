#include "cryptod/mls/hpke.h"

#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/hpke_kdf.h"
#include "services/cleanup.h"

/* The id under which labels are bound: KEM, KDF and AEAD. */
struct suite_id {
        uint8_t bytes[10];
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

static struct suite_id suite_id(const struct suite *s)
{
        uint16_t kem = s->kem->id, kdf = s->hash->kdf_id, aead = s->aead->id;

        return (struct suite_id){ { 'H', 'P', 'K', 'E', (uint8_t) (kem >> 8), (uint8_t) kem, (uint8_t) (kdf >> 8),
                                    (uint8_t) kdf, (uint8_t) (aead >> 8), (uint8_t) aead } };
}

struct secret *hpke_derive_key_pair(const struct suite *s, struct bytes ikm, struct writer *public_key)
{
        return s->kem->derive_key_pair(s->kem, ikm, public_key);
}

int hpke_check_public_key(const struct suite *s, struct bytes public_key)
{
        return s->kem->check_public_key(s->kem, public_key);
}

static struct secret *extract(const struct suite *s, struct bytes salt, const char *label, struct bytes ikm)
{
        struct suite_id id = suite_id(s);

        return hpke_labeled_extract(s->hash, BYTES_OF(id.bytes), salt, label, ikm);
}

static struct secret *expand(const struct suite *s, const struct secret *prk, const char *label, struct bytes info,
                             size_t size)
{
        struct suite_id id = suite_id(s);

        return hpke_labeled_expand(s->hash, BYTES_OF(id.bytes), prk, label, info, size);
}

/* KeySchedule (§5.1) in base mode: no PSK, no sender authentication. */
static struct context key_schedule(const struct suite *s, const struct secret *shared_secret, struct bytes info)
{
        struct bytes none = BYTES(NULL, 0);
        _cleanup_secret_ struct secret *psk_id_hash = extract(s, none, "psk_id_hash", none);
        _cleanup_secret_ struct secret *info_hash = extract(s, none, "info_hash", info);
        _cleanup_secret_ struct secret *secret = extract(s, secret_bytes(shared_secret), "secret", none);
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_u8(&w, 0); /* mode_base */
        write_fixed(&w, secret_bytes(psk_id_hash));
        write_fixed(&w, secret_bytes(info_hash));
        if (writer_finish(&w) < 0)
                abort();
        return (struct context){
                .key = expand(s, secret, "key", writer_bytes(&w), s->aead_key_size),
                .nonce = expand(s, secret, "base_nonce", writer_bytes(&w), SUITE_NONCE_SIZE),
                .exporter_secret = expand(s, secret, "exp", writer_bytes(&w), s->hash_size),
        };
}

static int setup_sender(const struct suite *s, struct bytes public_key, struct bytes info, struct writer *kem_output,
                        struct context *out)
{
        _cleanup_secret_ struct secret *shared_secret = NULL;
        int r = s->kem->encapsulate(s->kem, public_key, kem_output, &shared_secret);

        if (r < 0)
                return r;
        *out = key_schedule(s, shared_secret, info);
        return 0;
}

static int setup_receiver(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                          struct bytes kem_output, struct bytes info, struct context *out)
{
        _cleanup_secret_ struct secret *shared_secret = NULL;
        int r = s->kem->decapsulate(s->kem, private_key, public_key, kem_output, &shared_secret);

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

int hpke_open(const struct suite *s, const struct secret *private_key, struct bytes public_key, struct bytes kem_output,
              struct bytes info, struct bytes aad, struct bytes ciphertext, struct writer *plain)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_receiver(s, private_key, public_key, kem_output, info, &c);

        return r < 0 ? r : suite_open(s, c.key, c.nonce, aad, ciphertext, plain);
}

int hpke_send_export(const struct suite *s, struct bytes public_key, struct bytes info, struct bytes exporter_context,
                     size_t size, struct writer *kem_output, struct secret **out)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_sender(s, public_key, info, kem_output, &c);

        if (r < 0)
                return r;
        *out = expand(s, c.exporter_secret, "sec", exporter_context, size);
        return 0;
}

int hpke_receive_export(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                        struct bytes kem_output, struct bytes info, struct bytes exporter_context, size_t size,
                        struct secret **out)
{
        _cleanup_context_ struct context c = { 0 };
        int r = setup_receiver(s, private_key, public_key, kem_output, info, &c);

        if (r < 0)
                return r;
        *out = expand(s, c.exporter_secret, "sec", exporter_context, size);
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

int hpke_decrypt_with_label(const struct suite *s, const struct secret *private_key, struct bytes public_key,
                            const char *label, struct bytes context, struct bytes kem_output, struct bytes ciphertext,
                            struct writer *plain)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        int r = write_encrypt_context(&info, label, context);

        return r < 0 ? r
                     : hpke_open(s, private_key, public_key, kem_output, writer_bytes(&info), BYTES(NULL, 0),
                                 ciphertext, plain);
}
