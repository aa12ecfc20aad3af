/* The parts of bench-cryptod. Each prints its figures. */
#pragma once

#include <stdbool.h>

#include "bench/stopwatch.h"
#include "cryptod/mls/suite.h"

/* What no implementation of a suite can do without, over PAYLOAD bytes, with keys that OpenSSL has ready: medians in
 * milliseconds of processor time. */
struct primitives {
        double sign_seal;          /* a signature, and AEAD */
        double verify_open;        /* its verification, and AEAD */
        double sign_encapsulate;   /* a signature, a new key pair for a KEM and Diffie-Hellman with it */
        double verify_decapsulate; /* a verification, and Diffie-Hellman */
};

enum { PAYLOAD = 100 };

/* They are measured between the steps that they are compared with, as a processor's speed changes with its load: begin,
 * rounds, and end, which prints all of them if @print. */
void primitives_begin(const struct suite *s);
void primitives_round(void);
struct primitives primitives_end(bool print);

/* Argon2id as calibration chooses it, and a slot that is opened with it: time by the clock, as it has threads. */
void derivation_bench(void);

/* Messages between two messengers with their vaults below @directory. */
void messages_bench(const char *directory);

/* What opening a vault below @directory costs after the derivation, by the length of its history. */
void opening_bench(const char *directory);

/* Commits in small groups that stay in memory: processor time. */
void groups_bench(const struct suite *s);

/* Sealed files in memory and below @directory, beside the cipher alone: time by the clock, as it has threads. */
void sealing_bench(const char *directory);
