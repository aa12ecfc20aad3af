/* The transport key of an account: Ed25519 (RFC 8032). It proves to a hub who opens a link and is of no use for
 * anything else: it can neither read a message nor sign one.
 *
 * The proof is a signature over
 *
 *     struct {
 *             opaque label<V>;            "visavis/1 register" or "visavis/1 authenticate"
 *             opaque exporter[32];        TLS exporter (RFC 8446 §7.5), label EXPORTER-visavis-client, no context
 *             opaque name<V>;
 *     } TransportProof;
 *
 * so that it is good for one purpose, on one TLS connection, for one name. */
#pragma once

#include <stdint.h>

#include "services/bytes.h"
#include "services/secret.h"

enum {
        TRANSPORT_KEY_SIZE = 32, /* the private seed, and the public key */
        TRANSPORT_SIGNATURE_SIZE = 64,
        TRANSPORT_EXPORTER_SIZE = 32,
};

enum transport_purpose {
        TRANSPORT_REGISTER,
        TRANSPORT_AUTHENTICATE,
};

/* The public key of a private one. -EINVAL if @key is not TRANSPORT_KEY_SIZE bytes. */
int transport_key_public(const struct secret *key, uint8_t out[static TRANSPORT_KEY_SIZE]);

/* Signs a proof. -EINVAL as above, -ENOMEM. */
int transport_key_prove(const struct secret *key, enum transport_purpose purpose,
                        const uint8_t exporter[static TRANSPORT_EXPORTER_SIZE], struct bytes name,
                        uint8_t signature[static TRANSPORT_SIGNATURE_SIZE]);

/* 0 if the proof is good; -EACCES if it is not. */
int transport_key_check(const uint8_t public_key[static TRANSPORT_KEY_SIZE], enum transport_purpose purpose,
                        const uint8_t exporter[static TRANSPORT_EXPORTER_SIZE], struct bytes name,
                        const uint8_t signature[static TRANSPORT_SIGNATURE_SIZE]);
