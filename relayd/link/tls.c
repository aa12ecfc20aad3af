/* See tls.h. */
#include "tls.h"

#include <errno.h>
#include <string.h>

static const unsigned char alpn_list[] = { 9, 'v', 'i', 's', 'a', 'v', 'i', 's', '/', '1' };

int tls_certificate_pin(const X509 *certificate, uint8_t out[static TLS_PIN_SIZE])
{
        unsigned size = TLS_PIN_SIZE;
        unsigned char *der = NULL;
        int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

        if (length <= 0)
                return -EBADMSG;
        int ok = EVP_Digest(der, (size_t) length, out, &size, EVP_sha256(), NULL);

        OPENSSL_free(der);
        return ok == 1 ? 0 : -EBADMSG;
}

static bool pin_fits(struct tls_pin *pin, const X509 *certificate)
{
        if (!certificate || tls_certificate_pin(certificate, pin->seen) < 0)
                return false;
        pin->refused = pin->known && memcmp(pin->key, pin->seen, TLS_PIN_SIZE) != 0;
        return !pin->refused;
}

/* Stands in for the verification of a chain: the pin is all there is. The handshake itself proves that the hub has the
 * private key. */
static int verify_pin(X509_STORE_CTX *store, void *userdata)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct tls_pin *pin = SSL_get_app_data(ssl);

        if (pin && pin_fits(pin, X509_STORE_CTX_get0_cert(store)))
                return 1;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
}

bool tls_pin_kept(SSL *ssl, struct tls_pin *pin)
{
        return pin_fits(pin, SSL_get0_peer_certificate(ssl));
}

/* A copy is kept: the connection's own session is spoiled by OpenSSL if the connection breaks. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
        struct tls_pin *pin = SSL_get_app_data(ssl);

        if (pin && pin->session) {
                SSL_SESSION_free(*pin->session);
                *pin->session = SSL_SESSION_dup(session);
        }
        return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *size, const unsigned char *in,
                       unsigned in_size, void *userdata)
{
        unsigned char *selected;

        if (SSL_select_next_proto(&selected, size, alpn_list, sizeof(alpn_list), in, in_size) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = selected;
        return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
        SSL_CTX *context = SSL_CTX_new(method);

        if (!context)
                return NULL;
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_read_ahead(context, 1); /* a record's header and content in one go */
        SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
        return context;
}

int tls_client_context(SSL_CTX **out)
{
        SSL_CTX *context = context_new(TLS_client_method());

        if (!context)
                return -ENOMEM;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(context, verify_pin, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
        if (SSL_CTX_set_alpn_protos(context, alpn_list, sizeof(alpn_list)) != 0) {
                SSL_CTX_free(context);
                return -ENOMEM;
        }
        *out = context;
        return 0;
}

int tls_hub_context(EVP_PKEY *key, X509 *certificate, SSL_CTX **out)
{
        SSL_CTX *context = context_new(TLS_server_method());

        if (!context)
                return -ENOMEM;
        SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* all that is needed stands in the ticket */
        SSL_CTX_set_num_tickets(context, 1);
        SSL_CTX_set_timeout(context, TLS_SESSION_SECONDS);
        (void) SSL_CTX_set_session_id_context(context, alpn_list, sizeof(alpn_list));
        if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1 ||
            SSL_CTX_check_private_key(context) != 1) {
                SSL_CTX_free(context);
                return -EINVAL;
        }
        *out = context;
        return 0;
}

int tls_new(SSL_CTX *context, int fd, struct tls_pin *pin, SSL **out)
{
        SSL *ssl = SSL_new(context);

        if (!ssl || SSL_set_fd(ssl, fd) != 1) {
                SSL_free(ssl);
                return -ENOMEM;
        }
        SSL_set_app_data(ssl, pin);
        if (pin) {
                SSL_set_connect_state(ssl);
                if (pin->session && *pin->session) {
                        (void) SSL_set_session(ssl, *pin->session);
                        SSL_SESSION_free(*pin->session);
                        *pin->session = NULL;
                }
        } else {

                SSL_set_accept_state(ssl);
        }
        *out = ssl;
        return 0;
}

bool tls_alpn_agreed(const SSL *ssl)
{
        const unsigned char *selected;
        unsigned size;

        SSL_get0_alpn_selected(ssl, &selected, &size);
        return size == sizeof(alpn_list) - 1 && memcmp(selected, alpn_list + 1, size) == 0;
}

int tls_exporter(SSL *ssl, uint8_t out[static TLS_EXPORTER_SIZE])
{
        static const char label[] = "EXPORTER-visavis-client";

        return SSL_export_keying_material(ssl, out, TLS_EXPORTER_SIZE, label, sizeof(label) - 1, NULL, 0, 0) == 1
                       ? 0
                       : -EIO;
}
