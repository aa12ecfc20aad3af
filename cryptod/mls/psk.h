/* Pre-shared keys (RFC 9420 §8.4): their ids, and the one psk_secret that they come to. */
#pragma once

#include "cryptod/mls/suite.h"

enum psk_type { PSK_EXTERNAL = 1, PSK_RESUMPTION = 2 };
enum resumption_psk_usage { RESUMPTION_APPLICATION = 1, RESUMPTION_REINIT = 2, RESUMPTION_BRANCH = 3 };

/* struct PreSharedKeyID, as views into what it was read from. */
struct psk_id {
        enum psk_type type;
        struct bytes external_id; /* PSK_EXTERNAL */
        enum resumption_psk_usage usage;
        struct bytes group_id;
        uint64_t epoch;
        struct bytes nonce; /* Nh bytes */
};

enum { PSK_ID_MIN = 3 }; /* bytes that one is written in */

void psk_id_read(struct reader *r, struct psk_id *out);
void psk_id_write(struct writer *w, const struct psk_id *id);

/* A PSK with its value, which is borrowed. */
struct psk {
        struct psk_id id;
        const struct secret *value;
};

/* psk_secret of @count PSKs (at most 65535) in the order of their proposals; all zero for none. A new secret. */
struct secret *psk_secret(const struct suite *s, const struct psk *psks, size_t count);
