/* See transport_key.h. */
#include "transport_key.h"

#include <errno.h>
#include <openssl/evp.h>

#include "openssl_cleanup.h"

static void write_proof(struct writer *w, enum transport_purpose purpose, const uint8_t *exporter, struct bytes name)
{
        write_vector(w, purpose == TRANSPORT_REGISTER ? BYTES_STRING("visavis/1 register")
                                                      : BYTES_STRING("visavis/1 authenticate"));
        write_fixed(w, BYTES(exporter, TRANSPORT_EXPORTER_SIZE));
        write_vector(w, name);
}

int transport_key_public(const struct secret *key, uint8_t out[static TRANSPORT_KEY_SIZE])
{
        size_t size = TRANSPORT_KEY_SIZE;

        if (key->size != TRANSPORT_KEY_SIZE)
                return -EINVAL;
        _cleanup_pkey_ EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->data, key->size);

        if (!pkey || EVP_PKEY_get_raw_public_key(pkey, out, &size) != 1 || size != TRANSPORT_KEY_SIZE)
                return -ENOMEM;
        return 0;
}

int transport_key_prove(const struct secret *key, enum transport_purpose purpose,
                        const uint8_t exporter[static TRANSPORT_EXPORTER_SIZE], struct bytes name,
                        uint8_t signature[static TRANSPORT_SIGNATURE_SIZE])
{
        _cleanup_writer_ struct writer proof = WRITER_INIT;
        _cleanup_digest_ EVP_MD_CTX *context = EVP_MD_CTX_new();
        size_t size = TRANSPORT_SIGNATURE_SIZE;

        if (key->size != TRANSPORT_KEY_SIZE)
                return -EINVAL;
        _cleanup_pkey_ EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->data, key->size);

        write_proof(&proof, purpose, exporter, name);
        if (writer_finish(&proof) < 0 || !pkey || !context ||
            EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) != 1 ||
            EVP_DigestSign(context, signature, &size, proof.data, proof.size) != 1 || size != TRANSPORT_SIGNATURE_SIZE)
                return -ENOMEM;
        return 0;
}

int transport_key_check(const uint8_t public_key[static TRANSPORT_KEY_SIZE], enum transport_purpose purpose,
                        const uint8_t exporter[static TRANSPORT_EXPORTER_SIZE], struct bytes name,
                        const uint8_t signature[static TRANSPORT_SIGNATURE_SIZE])
{
        _cleanup_writer_ struct writer proof = WRITER_INIT;
        _cleanup_digest_ EVP_MD_CTX *context = EVP_MD_CTX_new();
        _cleanup_pkey_ EVP_PKEY *pkey =
                EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, TRANSPORT_KEY_SIZE);

        write_proof(&proof, purpose, exporter, name);
        if (writer_finish(&proof) < 0 || !pkey || !context ||
            EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) != 1 ||
            EVP_DigestVerify(context, signature, TRANSPORT_SIGNATURE_SIZE, proof.data, proof.size) != 1)
                return -EACCES;
        return 0;
}
