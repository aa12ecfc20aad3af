/* AES-256-GCM, HKDF and SHA-2 through OpenSSL's EVP, and the key that a host keeps for its own disk. */
#include "seal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "log.h"

enum {
        VERSION = 1,
        NONCE_SIZE = 12,
        TAG_SIZE = 16,
        SHA512_SIZE = 64,
        HKDF_SIZE_MAX = 255 * SHA512_SIZE,
        PLAIN_SIZE_MAX = SECRET_SIZE_MAX
};

static void free_cipher(EVP_CIPHER_CTX **c)
{
        EVP_CIPHER_CTX_free(*c);
}

static void free_digest(EVP_MD_CTX **c)
{
        EVP_MD_CTX_free(*c);
}

static void free_kdf(EVP_KDF **k)
{
        EVP_KDF_free(*k);
}

static void free_kdf_context(EVP_KDF_CTX **c)
{
        EVP_KDF_CTX_free(*c);
}

/* What OpenSSL refuses here is memory or a broken installation; nothing sensible can follow. */
static void must(bool ok)
{
        if (ok)
                return;
        log_fields(LOG_CRIT, NULL,
                   "OpenSSL failed in an operation that cannot fail; stopping. Check its installation and memory.");
        abort();
}

void random_fill(void *p, size_t size)
{
        assert(size <= INT32_MAX);
        must(size == 0 || RAND_priv_bytes(p, (int) size) == 1);
}

struct secret *secret_random(size_t size)
{
        struct secret *s = secret_new(size);

        random_fill(s->data, size);
        return s;
}

void sha256(struct bytes input, uint8_t out[static 32])
{
        must(EVP_Digest(input.data ? input.data : (const uint8_t *) "", input.size, out, NULL, EVP_sha256(), NULL) ==
             1);
}

struct secret *shake256(struct bytes input, size_t size)
{
        _cleanup_(free_digest) EVP_MD_CTX *c = EVP_MD_CTX_new();
        struct secret *s = secret_new(size);

        must(c && EVP_DigestInit_ex(c, EVP_shake256(), NULL) == 1 && EVP_DigestUpdate(c, input.data, input.size) == 1 &&
             EVP_DigestFinalXOF(c, s->data, size) == 1);
        return s;
}

/* In two steps: OpenSSL's HKDF as a whole would leave the salt in the heap, which may be a key. */
struct secret *hkdf_sha512(struct bytes ikm, struct bytes salt, struct bytes info, size_t size)
{
        _cleanup_(free_kdf) EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
        _cleanup_(free_kdf_context) EVP_KDF_CTX *context = NULL;
        _cleanup_secret_ struct secret *extracted = secret_new(SHA512_SIZE);
        struct secret *s = secret_new(size);
        int expand = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
        uint8_t none = 0;
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &expand),
                OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *) "SHA2-512", 0),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, extracted->data, extracted->size),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data ? (void *) info.data : &none,
                                                  info.size),
                OSSL_PARAM_construct_end(),
        };

        assert(size <= HKDF_SIZE_MAX && salt.size <= INT32_MAX);
        if (size == 0)
                return s;
        must(HMAC(EVP_sha512(), salt.data ? salt.data : &none, (int) salt.size, ikm.data ? ikm.data : &none, ikm.size,
                  extracted->data, NULL) != NULL);
        must(kdf != NULL);
        context = EVP_KDF_CTX_new(kdf);
        must(context != NULL && EVP_KDF_derive(context, s->data, size, parameters) == 1);
        return s;
}

static void start(EVP_CIPHER_CTX *c, bool encrypt, const struct secret *key, const uint8_t *nonce, uint8_t version,
                  struct bytes associated)
{
        int n;

        assert(key->size == SEAL_KEY_SIZE);
        assert(associated.size <= INT32_MAX);
        must(c && EVP_CipherInit_ex2(c, EVP_aes_256_gcm(), key->data, nonce, encrypt, NULL) == 1);
        must(EVP_CipherUpdate(c, NULL, &n, &version, 1) == 1);
        if (associated.size > 0)
                must(EVP_CipherUpdate(c, NULL, &n, associated.data, (int) associated.size) == 1);
}

int seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out)
{
        _cleanup_(free_cipher) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        int n = 0;

        if (plain.size > PLAIN_SIZE_MAX)
                return -EMSGSIZE;
        uint8_t *p = writer_append(out, SEAL_OVERHEAD + plain.size);
        if (!p)
                return writer_finish(out);

        uint8_t *nonce = p + 1, *text = nonce + NONCE_SIZE, *tag = text + plain.size;
        p[0] = VERSION;
        random_fill(nonce, NONCE_SIZE);
        start(c, true, key, nonce, VERSION, associated);
        if (plain.size > 0)
                must(EVP_CipherUpdate(c, text, &n, plain.data, (int) plain.size) == 1 && (size_t) n == plain.size);
        must(EVP_CipherFinal_ex(c, tag, &n) == 1 && n == 0);
        must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
        return 0;
}

int unseal(const struct secret *key, struct bytes associated, struct bytes sealed, struct secret **out)
{
        _cleanup_(free_cipher) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        _cleanup_secret_ struct secret *plain = NULL;
        struct reader r;
        int n = 0;

        if (sealed.size < SEAL_OVERHEAD || sealed.size - SEAL_OVERHEAD > PLAIN_SIZE_MAX)
                return -EBADMSG;
        reader_init(&r, sealed);
        uint8_t version = read_u8(&r);
        struct bytes nonce = read_fixed(&r, NONCE_SIZE);
        struct bytes text = read_fixed(&r, sealed.size - SEAL_OVERHEAD);
        struct bytes tag = read_fixed(&r, TAG_SIZE);
        if (reader_finish(&r) < 0 || version != VERSION)
                return -EBADMSG;

        plain = secret_new(text.size);
        start(c, false, key, nonce.data, version, associated);
        if (text.size > 0)
                must(EVP_CipherUpdate(c, plain->data, &n, text.data, (int) text.size) == 1);
        must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, (void *) tag.data) == 1);
        if (EVP_CipherFinal_ex(c, plain->data + text.size, &n) != 1)
                return -EBADMSG;
        *out = TAKE(plain);
        return 0;
}

/* 1 if the service manager handed us the key. */
static int key_from_credential(const char *credential, struct secret **out)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL;

        if (!directory || !credential)
                return 0;
        if (asprintf(&path, "%s/%s", directory, credential) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (access(path, F_OK) < 0)
                return 0;
        int r = file_read_secret(path, SEAL_KEY_SIZE, out);
        return r < 0 ? r : 1;
}

/* Two processes may start at once: the one that comes second takes the first one's key. */
static int key_from_file(const char *path, struct secret **out)
{
        int r = file_read_secret(path, SEAL_KEY_SIZE, out);

        if (r != -ENOENT)
                return r;
        _cleanup_secret_ struct secret *fresh = secret_random(SEAL_KEY_SIZE);
        r = file_write(path, secret_bytes(fresh), true);
        if (r < 0 && r != -EEXIST)
                return r;
        return file_read_secret(path, SEAL_KEY_SIZE, out);
}

int host_key_open(const char *path, const char *credential, struct secret **out)
{
        _cleanup_secret_ struct secret *key = NULL;
        int r = key_from_credential(credential, &key);

        if (r == 0)
                r = key_from_file(path, &key);
        if (r >= 0 && key->size != SEAL_KEY_SIZE)
                r = -EBADMSG;
        if (r < 0) {
                log_error("The host key %s cannot be used (%s): it must be a readable file of exactly %d bytes. "
                          "Restore it "
                          "from a backup; what it sealed cannot be opened without it.",
                          path, strerror(-r), SEAL_KEY_SIZE);
                return r;
        }
        *out = TAKE(key);
        return 0;
}
