/* See safety_number.h. */
#include "cryptod/conversation/safety_number.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/hash.h"
#include "services/cleanup.h"
#include "services/text.h"

enum {
        ITERATIONS = 5200,
        GROUPS = 6,
        GROUP_BYTES = 5,
        GROUP_DIGITS = 5,
        HALF = GROUPS * GROUP_DIGITS,
        SCANNED = SAFETY_FINGERPRINT_SIZE
};

static_assert(2 * HALF == SAFETY_NUMBER_DIGITS, "two halves");

#define LABEL "visavis safety number v1"
#define KIND "visavis-safety:"
#define VERSION "1:"

static void fingerprint(const struct safety_party *p, uint8_t out[static HASH_SIZE_MAX])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        write_fixed(&w, BYTES_STRING(LABEL));
        write_vector(&w, p->root_key);
        write_vector(&w, p->address);
        if (writer_finish(&w) < 0)
                abort();
        hash_digest(&hash_sha512, writer_bytes(&w), out);
        writer_release(&w);
        write_fixed(&w, BYTES(out, hash_sha512.size));
        write_fixed(&w, p->root_key);
        if (writer_finish(&w) < 0)
                abort();
        for (unsigned i = 0; i < ITERATIONS; i++) {
                hash_digest(&hash_sha512, writer_bytes(&w), out);
                memcpy(w.data, out, hash_sha512.size);
        }
}

void safety_fingerprint(const struct safety_party *p, uint8_t out[static SAFETY_FINGERPRINT_SIZE])
{
        uint8_t hash[HASH_SIZE_MAX];

        fingerprint(p, hash);
        memcpy(out, hash, SAFETY_FINGERPRINT_SIZE);
}

static void digits_of(const struct safety_party *p, char out[static HALF + 1])
{
        uint8_t hash[HASH_SIZE_MAX];

        fingerprint(p, hash);
        for (unsigned g = 0; g < GROUPS; g++) {
                uint64_t number = 0;

                for (unsigned i = 0; i < GROUP_BYTES; i++)
                        number = number << 8 | hash[g * GROUP_BYTES + i];
                (void) snprintf(out + g * GROUP_DIGITS, GROUP_DIGITS + 1, "%05u", (unsigned) (number % 100000));
        }
}

void safety_number(const struct safety_party *a, const struct safety_party *b,
                   char out[static SAFETY_NUMBER_DIGITS + 1])
{
        char x[HALF + 1], y[HALF + 1];
        bool in_order;

        digits_of(a, x);
        digits_of(b, y);
        in_order = strcmp(x, y) <= 0;
        (void) snprintf(out, SAFETY_NUMBER_DIGITS + 1, "%s%s", in_order ? x : y, in_order ? y : x);
}

/* As one who shows the code writes it. */
static void write_scanned(const struct safety_party *shows, const struct safety_party *scans,
                          uint8_t out[static 2 * SCANNED])
{
        uint8_t hash[HASH_SIZE_MAX];

        fingerprint(shows, hash);
        memcpy(out, hash, SCANNED);
        fingerprint(scans, hash);
        memcpy(out + SCANNED, hash, SCANNED);
}

char *safety_code(const struct safety_party *own, const struct safety_party *other)
{
        uint8_t scanned[2 * SCANNED];
        _cleanup_free_ char *text = NULL;
        char *code;

        write_scanned(own, other, scanned);
        text = base64url_encode(BYTES_OF(scanned));
        return text && asprintf(&code, KIND VERSION "%s", text) >= 0 ? code : NULL;
}

int safety_code_compare(const char *code, const struct safety_party *own, const struct safety_party *other)
{
        uint8_t found[2 * SCANNED], expected[2 * SCANNED];

        if (strncmp(code, KIND, strlen(KIND)) != 0)
                return -EINVAL;
        code += strlen(KIND);
        if (strncmp(code, VERSION, strlen(VERSION)) != 0)
                return -EPROTONOSUPPORT;
        if (base64url_decode(code + strlen(VERSION), found, sizeof(found)) < 0)
                return -EINVAL;
        write_scanned(other, own, expected);
        return memcmp(found, expected, sizeof(found)) == 0 ? 0 : -EKEYREJECTED;
}
