/* See parts.h. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cryptod/parts.h"
#include "cryptod/vault/slot.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { TARGET_MS = 500, ROUNDS = 7 };

static const struct bytes account = { (const uint8_t *) "0123456789abcdef0123456789abcdef", 32 };

/* Writing the memory of one derivation as often as it passes over it: Argon2id's cost if its mixing cost nothing. */
static uint64_t fill(const struct argon2_parameters *p)
{
        size_t size = (size_t) p->memory * 1024;
        uint64_t start = now_ns();
        _cleanup_free_ uint8_t *memory = malloc(size);

        if (!memory)
                errx(1, "out of memory");
        for (uint32_t i = 0; i < p->passes; i++) {
                memset(memory, (int) i, size);
                __asm__ volatile("" : : "r"(memory) : "memory");
        }
        return now_ns() - start;
}

static uint64_t derive(const struct argon2_parameters *p, const struct secret *face, const struct secret *factor)
{
        static const uint8_t salt[KEY_DERIVATION_SALT_SIZE];
        _cleanup_secret_ struct secret *key = NULL;
        uint64_t start = now_ns();

        if (key_derivation(face, factor, BYTES_OF(salt), account, p, &key) < 0)
                errx(1, "the derivation fails");
        return now_ns() - start;
}

static uint64_t open_slot(struct bytes encoded, const struct secret *face, const struct secret *factor)
{
        _cleanup_secret_ struct secret *key = NULL;
        struct reader r;
        struct slot s;
        uint64_t start = now_ns();

        reader_init(&r, encoded);
        if (slot_read(&r, &s) < 0 || slot_open(&s, account, face, factor, &key) < 0)
                errx(1, "the slot does not open");
        return now_ns() - start;
}

void derivation_bench(void)
{
        static struct series fills, derivations, openings;
        _cleanup_secret_ struct secret *face = secret_random(FACE_SECRET_SIZE), *key = secret_random(VAULT_KEY_SIZE),
                                       *factor = secret_copy(BYTES_STRING("2718-alice"));
        _cleanup_writer_ struct writer slot = WRITER_INIT;
        struct argon2_parameters p;

        argon2_calibrate(TARGET_MS * 1000, &p);
        if (slot_make(SLOT_FACE_AND_FACTOR, account, BYTES(NULL, 0), 1, &p, face, factor, key, &slot) < 0)
                errx(1, "the slot cannot be made");
        for (unsigned i = 0; i < ROUNDS; i++) {
                series_add(&fills, fill(&p));
                series_add(&derivations, derive(&p, face, factor));
                series_add(&openings, open_slot(writer_bytes(&slot), face, factor));
        }
        double base = series_median(&fills);

        printf("calibrated for %d ms: Argon2id with %u MiB, %u passes, %u lanes; filling that memory as often takes "
               "%.1f ms\n",
               TARGET_MS, p.memory / 1024, p.passes, p.lanes, base);
        double derivation = series_report(&derivations, "derivation", base, "filling its memory");

        series_report(&openings, "slot open", derivation, "derivation");
}
