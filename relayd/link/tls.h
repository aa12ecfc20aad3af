/* TLS as the wire uses it: 1.3 only, ALPN visavis/1, no session tickets, no early data, and no certificate authorities:
 * a hub is known by the SHA-256 of its certificate's SubjectPublicKeyInfo, which stands in its address. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { TLS_PIN_SIZE = 32, TLS_EXPORTER_SIZE = 32 };

/* What the client knows of the hub's key. Without a known key any is taken, and filled in for the caller to remember.
 */
struct tls_pin {
        bool known;
        bool refused; /* the handshake failed because the hub has another key, which is in @seen */
        uint8_t key[TLS_PIN_SIZE];
        uint8_t seen[TLS_PIN_SIZE];
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

/* The value that a transport key signs (RFC 8446 §7.5). -EIO before the end of the handshake. */
int tls_exporter(SSL *ssl, uint8_t out[static TLS_EXPORTER_SIZE]);

/* SHA-256 over a certificate's SubjectPublicKeyInfo. -EBADMSG. */
int tls_certificate_pin(const X509 *certificate, uint8_t out[static TLS_PIN_SIZE]);
