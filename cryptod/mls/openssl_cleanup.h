/* OpenSSL's objects released at the end of their scope. */
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define OPENSSL_CLEANUP(type, free_function)                                                                           \
        static inline void cleanup_##type(type **p)                                                                    \
        {                                                                                                              \
                free_function(*p);                                                                                     \
        }

OPENSSL_CLEANUP(EVP_PKEY, EVP_PKEY_free)
OPENSSL_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
OPENSSL_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
OPENSSL_CLEANUP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
OPENSSL_CLEANUP(BIGNUM, BN_clear_free)
OPENSSL_CLEANUP(EC_GROUP, EC_GROUP_free)
OPENSSL_CLEANUP(EC_POINT, EC_POINT_clear_free)
OPENSSL_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)
OPENSSL_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

#define _cleanup_openssl_(type) __attribute__((cleanup(cleanup_##type)))
