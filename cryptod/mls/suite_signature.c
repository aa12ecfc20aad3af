/* The suites' signatures: SignWithLabel and VerifyWithLabel (RFC 9420 §5.1.2). */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "cryptod/mls/suite.h"
#include "services/cleanup.h"

enum { SIGN_HEADER_MAX = 64 };

struct signature_key {
        const struct signature_algorithm *algorithm;
        struct secret *private_key;
        EVP_PKEY *_Atomic *ready; /* made of it for the first signature; till then NULL is there */
};

struct secret *suite_signature_generate(const struct suite *s, struct writer *public_key)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = key_generate(s->signature->type);

        if (key_write_public(key, public_key) < 0)
                abort();
        return key_private(key, s->signature->private_size);
}

/* struct { opaque label<V> = "MLS 1.0 " + Label; opaque content<V>; } SignContent */
static int write_sign_content(struct writer *w, const char *label, struct pieces content)
{
        size_t size = 0, mark;

        for (size_t i = 0; i < content.count; i++)
                size += content.items[i].size;
        if (size > UINT32_MAX)
                return -EMSGSIZE;
        writer_reserve(w, SIGN_HEADER_MAX + size);
        mark = writer_open_vector(w);
        write_fixed(w, BYTES_STRING("MLS 1.0 "));
        write_fixed(w, BYTES_STRING(label));
        writer_close_vector(w, mark);
        write_varint(w, (uint32_t) size);
        for (size_t i = 0; i < content.count; i++)
                write_fixed(w, content.items[i]);
        return writer_finish(w);
}

int signature_key_new(const struct suite *s, const struct secret *private_key, struct signature_key **out)
{
        struct signature_key *k;
        int r = key_check_private(s->signature->type, private_key, s->signature->private_size);

        if (r < 0)
                return r;
        k = malloc(sizeof(*k));
        if (!k)
                abort();
        *k = (struct signature_key){ .algorithm = s->signature,
                                     .private_key = secret_copy(secret_bytes(private_key)),
                                     .ready = calloc(1, sizeof(*k->ready)) };
        if (!k->ready)
                abort();
        *out = k;
        return 0;
}

struct signature_key *signature_key_free(struct signature_key *k)
{
        if (!k)
                return NULL;
        EVP_PKEY_free(*k->ready);
        free(k->ready);
        secret_free(k->private_key);
        free(k);
        return NULL;
}

/* The first of several threads that make it wins. */
static EVP_PKEY *ready_key(const struct signature_key *k)
{
        EVP_PKEY *key = atomic_load(k->ready), *none = NULL;

        if (key)
                return key;
        if (key_from_private(k->algorithm->type, k->private_key, BYTES(NULL, 0), &key) < 0)
                abort(); /* it was looked at */
        if (atomic_compare_exchange_strong(k->ready, &none, key))
                return key;
        EVP_PKEY_free(key);
        return none;
}

void signature_key_release(struct signature_key **k)
{
        *k = signature_key_free(*k);
}

struct secret *signature_key_private(const struct signature_key *k)
{
        return secret_copy(secret_bytes(k->private_key));
}

int signature_key_sign_pieces(const struct signature_key *k, const char *label, struct pieces content,
                              struct writer *out)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_writer_ struct writer message = WRITER_INIT;
        uint8_t signature[SUITE_SIGNATURE_MAX];
        size_t size = sizeof(signature);
        int r;

        r = write_sign_content(&message, label, content);
        if (r < 0)
                return r;
        if (!context ||
            EVP_DigestSignInit_ex(context, NULL, k->algorithm->digest, NULL, NULL, ready_key(k), NULL) != 1 ||
            EVP_DigestSign(context, signature, &size, message.data, message.size) != 1)
                abort();
        write_fixed(out, BYTES(signature, size));
        return writer_finish(out);
}

int signature_key_sign_with_label(const struct signature_key *k, const char *label, struct bytes content,
                                  struct writer *out)
{
        return signature_key_sign_pieces(k, label, (struct pieces){ &content, 1 }, out);
}

int suite_sign_with_label(const struct suite *s, const struct secret *private_key, const char *label,
                          struct bytes content, struct writer *out)
{
        _cleanup_signature_key_ struct signature_key *key = NULL;
        int r = signature_key_new(s, private_key, &key);

        return r < 0 ? r : signature_key_sign_with_label(key, label, content, out);
}

int suite_verify_pieces(const struct suite *s, struct bytes public_key, const char *label, struct pieces content,
                        struct bytes signature)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
        _cleanup_writer_ struct writer message = WRITER_INIT;
        int r;

        r = key_from_public(s->signature->type, public_key, &key);
        if (r < 0)
                return r;
        r = write_sign_content(&message, label, content);
        if (r < 0)
                return r;
        if (!context || EVP_DigestVerifyInit_ex(context, NULL, s->signature->digest, NULL, NULL, key, NULL) != 1)
                abort();
        return EVP_DigestVerify(context, signature.data, signature.size, message.data, message.size) == 1 ? 0
                                                                                                          : -EBADMSG;
}

int suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes content,
                            struct bytes signature)
{
        return suite_verify_pieces(s, public_key, label, (struct pieces){ &content, 1 }, signature);
}
