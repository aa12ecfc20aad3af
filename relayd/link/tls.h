/* TLS as the wire uses it: 1.3 only, ALPN visavis/1, no early data, and no certificate authorities: a hub is known by
 * the SHA-256 of its certificate's SubjectPublicKeyInfo, which stands in its address.
 *
 * A session may be resumed (RFC 8446 §2.2, always with a fresh key exchange): that saves the hub a signature and the
 * client nothing but time. A ticket is used once (§C.4), so that it does not tell two links to be of one client. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { TLS_PIN_SIZE = 32, TLS_EXPORTER_SIZE = 32, TLS_SESSION_SECONDS = 24 * 60 * 60 };

/* What the client knows of the hub's key. Without a known key any is taken, and filled in for the caller to remember.
 */
struct tls_pin {
        bool known;
        bool refused; /* the handshake failed because the hub has another key, which is in @seen */
        uint8_t key[TLS_PIN_SIZE];
        uint8_t seen[TLS_PIN_SIZE];
        SSL_SESSION **session; /* the owner's: taken for the next connection, filled in with the newest; or NULL */
};

/* Contexts; the caller owns them and ends them with SSL_CTX_free(). -ENOMEM; for the hub -EINVAL if key and certificate
 * do not fit. */
int tls_client_context(SSL_CTX **out);
int tls_hub_context(EVP_PKEY *key, X509 *certificate, SSL_CTX **out);

/* A connection's object over the socket @fd, which stays the caller's. @pin must outlive it; NULL for the hub's side.
 * -ENOMEM. */
int tls_new(SSL_CTX *context, int fd, struct tls_pin *pin, SSL **out);

/* After the handshake: true if both sides agreed on visavis/1. */
bool tls_alpn_agreed(const SSL *ssl);

/* After the handshake, the client's side: the hub has the key that @pin wants. A session that is resumed brings the
 * certificate of its first connection along, so that a pin that is newer than it is not passed by. */
bool tls_pin_kept(SSL *ssl, struct tls_pin *pin);

/* The value that a transport key signs (RFC 8446 §7.5). -EIO before the end of the handshake. */
int tls_exporter(SSL *ssl, uint8_t out[static TLS_EXPORTER_SIZE]);

/* SHA-256 over a certificate's SubjectPublicKeyInfo. -EBADMSG. */
int tls_certificate_pin(const X509 *certificate, uint8_t out[static TLS_PIN_SIZE]);
