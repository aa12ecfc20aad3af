/* See identity.h. */
#include "identity.h"

#include <errno.h>
#include <openssl/pem.h>
#include <string.h>

#include "relayd/link/openssl_cleanup.h"
#include "services/cleanup.h"
#include "services/file.h"
#include "services/log.h"

static int read_key(const char *path, EVP_PKEY **out)
{
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        if (!f)
                return -errno;
        EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, (void *) "");

        if (!key) {
                log_error("%s is not a private key in PEM. Restore it from a copy; without it, everybody has to learn "
                          "a new address of this hub.",
                          path);
                return -EBADMSG;
        }
        *out = key;
        return 0;
}

static int make_key(const char *path)
{
        _cleanup_pkey_ EVP_PKEY *key = EVP_EC_gen("P-256");
        BIO *memory = BIO_new(BIO_s_secmem());
        char *data;
        int r = -ENOMEM;

        if (key && memory && PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1) {
                long size = BIO_get_mem_data(memory, &data);

                r = file_write(path, BYTES(data, (size_t) size), true);
        }
        BIO_free(memory);
        if (r < 0)
                log_error("The hub's new key could not be written to %s: %s. Make room or give the hub that directory.",
                          path, strerror(-r));
        else
                log_notice("Made a new key for this hub in %s; keep a copy, it is what the hub's address stands for.",
                           path);
        return r;
}

static int make_certificate(EVP_PKEY *key, X509 **out)
{
        _cleanup_x509_ X509 *certificate = X509_new();
        X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;

        if (!name || X509_set_version(certificate, X509_VERSION_3) != 1 ||
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
            !ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20200101000000Z") ||
            !ASN1_TIME_set_string(X509_getm_notAfter(certificate),
                                  "99991231235959Z") || /* RFC 5280 §4.1.2.5: no expiration */
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *) "visavis-hub", -1, -1, 0) !=
                    1 ||
            X509_set_issuer_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1 ||
            X509_sign(certificate, key, EVP_sha256()) == 0)
                return -ENOMEM;
        *out = TAKE(certificate);
        return 0;
}

int identity_open(const char *path, struct identity *out)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *credential = NULL;
        struct identity i = { 0 };
        int r = -ENOENT;

        if (credentials) {
                if (asprintf(&credential, "%s/hub-key", credentials) < 0) {
                        credential = NULL;
                        return -ENOMEM;
                }
                r = read_key(credential, &i.key);
        }
        if (r == -ENOENT)
                r = read_key(path, &i.key);
        if (r == -ENOENT) {
                r = make_key(path);
                if (r >= 0)
                        r = read_key(path, &i.key);
        }
        if (r >= 0)
                r = make_certificate(i.key, &i.certificate);
        if (r >= 0)
                r = tls_certificate_pin(i.certificate, i.pin);
        if (r < 0) {
                log_error("The hub's key in %s cannot be used: %s.", path, strerror(-r));
                identity_release(&i);
                return r;
        }
        *out = i;
        return 0;
}

void identity_release(struct identity *i)
{
        EVP_PKEY_free(i->key);
        X509_free(i->certificate);
        *i = (struct identity){ 0 };
}
