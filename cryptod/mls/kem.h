/* Key encapsulation, as HPKE asks for it (RFC 9180 §4): one row an algorithm, whatever it stands on. All lengths are in
 * bytes. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum { KEM_PUBLIC_KEY_MAX = 1665 };

struct kem {
        uint16_t id;         /* RFC 9180 §7.1 */
        size_t secret_size;  /* Nsecret */
        size_t output_size;  /* Nenc, of an encapsulated secret */
        size_t public_size;  /* Npk */
        size_t private_size; /* Nsk */

        /* DeriveKeyPair: a pair from secret input of at least Nsk bytes. The public key is appended. */
        struct secret *(*derive_key_pair)(const struct kem *k, struct bytes ikm, struct writer *public_key);

        /* 0 if anybody can encapsulate to that key, which somebody else has made. Else -EBADMSG. */
        int (*check_public_key)(const struct kem *k, struct bytes public_key);

        /* Encap: a new shared secret, and what it travels in, which is appended to @output. -EBADMSG if @public_key is
         * none. May be called by several threads at once. */
        int (*encapsulate)(const struct kem *k, struct bytes public_key, struct writer *output, struct secret **shared);

        /* Decap. @public_key: the one that belongs to @private_key, where the caller has it; else empty, and it is
         * computed if the algorithm needs it. -EBADMSG */
        int (*decapsulate)(const struct kem *k, const struct secret *private_key, struct bytes public_key,
                           struct bytes output, struct secret **shared);

        const void *parameters; /* of these functions */

        /* NULL: always. Else false where OpenSSL lacks something for it; nothing else may be called then. */
        bool (*available)(const struct kem *k);
};

extern const struct kem kem_p256, kem_p384, kem_p521, kem_x25519, kem_x448;

/* The post-quantum hybrids of draft-ietf-hpke-pq-04; kem_xwing is the first of them with the DeriveKeyPair of
 * draft-connolly-cfrg-xwing-kem, which ts-mls has. */
extern const struct kem kem_mlkem768_x25519, kem_mlkem768_p256, kem_mlkem1024_p384, kem_xwing;
