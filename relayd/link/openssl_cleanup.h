/* services/cleanup.h's attributes for the OpenSSL objects that the wire uses. */
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static inline void cleanup_pkey(EVP_PKEY **p)
{
        EVP_PKEY_free(*p);
}

static inline void cleanup_digest(EVP_MD_CTX **p)
{
        EVP_MD_CTX_free(*p);
}

static inline void cleanup_x509(X509 **p)
{
        X509_free(*p);
}

static inline void cleanup_ssl(SSL **p)
{
        SSL_free(*p);
}

#define _cleanup_pkey_ __attribute__((cleanup(cleanup_pkey)))
#define _cleanup_digest_ __attribute__((cleanup(cleanup_digest)))
#define _cleanup_x509_ __attribute__((cleanup(cleanup_x509)))
#define _cleanup_ssl_ __attribute__((cleanup(cleanup_ssl)))
