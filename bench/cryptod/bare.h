/* The primitives by OpenSSL's own calls alone, with keys and contexts ready: what no implementation can avoid. Each
 * call does the work once and gives the processor time that it took, in nanoseconds. */
#pragma once

#include "cryptod/mls/suite.h"

struct bare;

struct bare *bare_new(const struct suite *s);
struct bare *bare_free(struct bare *b);

/* A signature over @size bytes, and its verification. */
uint64_t bare_sign(struct bare *b, size_t size);
uint64_t bare_verify(struct bare *b, size_t size);

/* AEAD, and the suite's hash, over @size bytes. */
uint64_t bare_seal(struct bare *b, size_t size);
uint64_t bare_open(struct bare *b, size_t size);
uint64_t bare_hash(struct bare *b, size_t size);

/* So many HMACs over 100 bytes each, as HKDF makes them: each with a key of its own. */
uint64_t bare_hmacs(struct bare *b, unsigned count);

/* A key pair of the KEM; and HPKE over a secret of the hash's size: for sealing a key pair, Diffie-Hellman, the seven
 * HMACs of RFC 9180's two key schedules, and AEAD; for opening the same without the key pair. */
uint64_t bare_generate(struct bare *b);
uint64_t bare_hpke_seal(struct bare *b);
uint64_t bare_hpke_open(struct bare *b);
