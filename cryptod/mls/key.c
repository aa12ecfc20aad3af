#include "cryptod/mls/key.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/openssl_cleanup.h"
#include "cryptod/mls/x_key.h"

static bool is_nist(const char *type)
{
        return type[0] == 'P';
}

static int from_parameters(const char *type, int selection, OSSL_PARAM *parameters, EVP_PKEY **out)
{
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context =
                EVP_PKEY_CTX_new_from_name(NULL, is_nist(type) ? "EC" : type, NULL);
        EVP_PKEY *key = NULL;

        if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
            EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
                return -EBADMSG;
        *out = key;
        return 0;
}

int key_from_public(const char *type, struct bytes public_key, EVP_PKEY **out)
{
        if (!is_nist(type)) {
                EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, public_key.data, public_key.size);

                if (!key)
                        return -EBADMSG;
                *out = key;
                return 0;
        }
        if (public_key.size == 0 || public_key.data[0] != 0x04)
                return -EBADMSG;
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) type, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *) public_key.data, public_key.size),
                OSSL_PARAM_construct_end(),
        };

        return from_parameters(type, EVP_PKEY_PUBLIC_KEY, parameters, out);
}

int key_check_public(const char *type, struct bytes public_key)
{
        _cleanup_openssl_(EVP_PKEY) EVP_PKEY *key = NULL;

        /* On a NIST curve all points are good, and OpenSSL sees whether it is one (RFC 9180 §7.1.4). */
        return is_nist(type) ? key_from_public(type, public_key, &key) : x_key_check(type, public_key);
}

/* The public point of a scalar, uncompressed. */
static int compute_point(const char *type, const BIGNUM *scalar, uint8_t point[static 133], size_t *size)
{
        _cleanup_openssl_(EC_GROUP) EC_GROUP *group = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(type));
        _cleanup_openssl_(EC_POINT) EC_POINT *p = group ? EC_POINT_new(group) : NULL;

        if (!p || BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0)
                return -EBADMSG;
        if (EC_POINT_mul(group, p, scalar, NULL, NULL, NULL) != 1)
                return -EBADMSG;
        *size = EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point, 133, NULL);
        return *size > 0 ? 0 : -EBADMSG;
}

static int raw_from_private(const char *type, const struct secret *private_key, struct bytes public_key, EVP_PKEY **out)
{
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *) private_key->data,
                                                  private_key->size),
                OSSL_PARAM_construct_end(),
                OSSL_PARAM_construct_end(),
        };

        if (public_key.size > 0)
                parameters[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *) public_key.data,
                                                                  public_key.size);
        return from_parameters(type, EVP_PKEY_KEYPAIR, parameters, out);
}

static int nist_from_private(const char *type, const struct secret *private_key, struct bytes public_key,
                             EVP_PKEY **out)
{
        _cleanup_openssl_(BIGNUM) BIGNUM *scalar = BN_secure_new();
        _cleanup_openssl_(OSSL_PARAM_BLD) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        _cleanup_openssl_(OSSL_PARAM) OSSL_PARAM *parameters = NULL;
        uint8_t point[133];

        if (!scalar || !builder || !BN_bin2bn(private_key->data, (int) private_key->size, scalar))
                return -ENOMEM;
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        if (public_key.size == 0) {
                size_t size;
                int r = compute_point(type, scalar, point, &size);

                if (r < 0)
                        return r;
                public_key = BYTES(point, size);
        }
        if (!OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, type, 0) ||
            !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar) ||
            !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, public_key.data, public_key.size) ||
            !(parameters = OSSL_PARAM_BLD_to_param(builder)))
                return -ENOMEM;
        return from_parameters(type, EVP_PKEY_KEYPAIR, parameters, out);
}

int key_from_private(const char *type, const struct secret *private_key, struct bytes public_key, EVP_PKEY **out)
{
        return is_nist(type) ? nist_from_private(type, private_key, public_key, out)
                             : raw_from_private(type, private_key, public_key, out);
}

int key_check_private(const char *type, const struct secret *private_key, size_t size)
{
        _cleanup_openssl_(BIGNUM) BIGNUM *scalar = NULL;
        _cleanup_openssl_(EC_GROUP) EC_GROUP *group = NULL;

        if (!is_nist(type))
                return private_key->size == size ? 0 : -EBADMSG;
        scalar = BN_secure_new();
        group = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(type));
        if (!scalar || !group || !BN_bin2bn(private_key->data, (int) private_key->size, scalar))
                abort();
        return BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0 ? -EBADMSG : 0;
}

EVP_PKEY *key_generate(const char *type)
{
        EVP_PKEY *key = is_nist(type) ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", type) : EVP_PKEY_Q_keygen(NULL, NULL, type);

        if (!key)
                abort();
        return key;
}

int key_agree(EVP_PKEY *own, EVP_PKEY *peer, size_t size, struct secret **out)
{
        _cleanup_openssl_(EVP_PKEY_CTX) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        struct secret *shared = secret_new(size);

        if (!context || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer_ex(context, peer, 0) != 1 ||
            EVP_PKEY_derive(context, shared->data, &size) != 1 || size != shared->size) {
                secret_free(shared);
                return -EBADMSG;
        }
        *out = shared;
        return 0;
}

int key_write_public(EVP_PKEY *key, struct writer *out)
{
        uint8_t public_key[133];
        size_t size = sizeof(public_key);

        if (EVP_PKEY_is_a(key, "EC") ? EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, public_key,
                                                                       sizeof(public_key), &size) != 1
                                     : EVP_PKEY_get_raw_public_key(key, public_key, &size) != 1)
                return -EBADMSG;
        write_fixed(out, BYTES(public_key, size));
        return writer_finish(out);
}

struct secret *key_private(EVP_PKEY *key, size_t size)
{
        struct secret *out = secret_new(size);
        size_t written = size;

        if (EVP_PKEY_is_a(key, "EC")) {
                _cleanup_openssl_(BIGNUM) BIGNUM *scalar = BN_secure_new();

                if (!scalar || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1 ||
                    BN_bn2binpad(scalar, out->data, (int) size) < 0)
                        abort();
        } else if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PRIV_KEY, out->data, size, &written) != 1 ||
                   written != size) {
                abort(); /* EVP_PKEY_get_raw_private_key() would leave a copy in the heap */
        }
        return out;
}
