/* The suites' signatures: SignWithLabel and VerifyWithLabel (RFC 9420 §5.1.2). */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/key.h"
#include "cryptod/mls/openssl_cleanup.h"
#include "cryptod/mls/suite.h"

struct secret *suite_signature_generate(const struct suite *s, struct writer *public_key)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = key_generate(s->signature);

        if (key_write_public(key, public_key) < 0)
                abort();
        return key_private(key, s->signature_private_size);
}

/* struct { opaque label<V> = "MLS 1.0 " + Label; opaque content<V>; } SignContent */
static void write_sign_content(struct writer *w, const char *label, struct bytes content)
{
        size_t mark = writer_open_vector(w);

        write_fixed(w, BYTES_STRING("MLS 1.0 "));
        write_fixed(w, BYTES_STRING(label));
        writer_close_vector(w, mark);
        write_vector(w, content);
}

int suite_sign_with_label(const struct suite *s, const struct secret *private_key, const char *label,
                          struct bytes content, struct writer *out)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
        _cleanup_writer_ struct writer message = WRITER_INIT;
        uint8_t signature[SUITE_SIGNATURE_MAX];
        size_t size = sizeof(signature);
        int r;

        r = key_from_private(s->signature, private_key, &key);
        if (r < 0)
                return r;
        write_sign_content(&message, label, content);
        r = writer_finish(&message);
        if (r < 0)
                return r;
        if (!context || EVP_DigestSignInit_ex(context, NULL, s->signature_digest, NULL, NULL, key, NULL) != 1 ||
            EVP_DigestSign(context, signature, &size, message.data, message.size) != 1)
                abort();
        write_fixed(out, BYTES(signature, size));
        return writer_finish(out);
}

int suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label, struct bytes content,
                            struct bytes signature)
{
        _cleanup_openssl_(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;
        _cleanup_writer_ struct writer message = WRITER_INIT;
        int r;

        r = key_from_public(s->signature, public_key, &key);
        if (r < 0)
                return r;
        write_sign_content(&message, label, content);
        r = writer_finish(&message);
        if (r < 0)
                return r;
        if (!context || EVP_DigestVerifyInit_ex(context, NULL, s->signature_digest, NULL, NULL, key, NULL) != 1)
                abort();
        return EVP_DigestVerify(context, signature.data, signature.size, message.data, message.size) == 1 ? 0
                                                                                                          : -EBADMSG;
}
