/* The hub's key: an ECDSA P-256 key in one file, and a certificate made from it anew at each start, since clients look
 * at nothing but the key. */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

#include "relayd/link/tls.h"

struct identity {
        EVP_PKEY *key;
        X509 *certificate;
        uint8_t pin[TLS_PIN_SIZE]; /* what stands behind the # in the hub's address */
};

/* Opens the credential hub-key (a private key in PEM, systemd.exec(5)) if there is one, else @path, which is made at
 * first use: mode 0600, synced, renamed into place. A sentence has been logged on error. */
int identity_open(const char *path, struct identity *out);
void identity_release(struct identity *i);
