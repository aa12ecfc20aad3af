/* Addresses, encodings and sealed values: the first byte of the input chooses the decoder. A decoder that takes two
 * spellings of one value would let two parties disagree about what was said. */
#include <stdlib.h>
#include <string.h>

#include "services/address.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
        if (!good)
                abort();
}

static char *to_string(struct bytes input)
{
        char *s = malloc(input.size + 1);

        must(s != NULL);
        if (input.size > 0)
                memcpy(s, input.data, input.size);
        s[input.size] = '\0';
        return s;
}

/* The canonical text of what was read reads back as the same, and is its own canonical text. */
static void fuzz_address_as(struct bytes input, int (*parse)(const char *, struct address *, const char **))
{
        _cleanup_free_ char *text = to_string(input);
        char canonical[ADDRESS_TEXT_MAX], again[ADDRESS_TEXT_MAX];
        const char *reason = NULL;
        struct address a, b;

        if (parse(text, &a, &reason) < 0) {
                must(reason && *reason);
                return;
        }
        must(a.host[0] && a.port > 0 && utf8_valid(BYTES_STRING(a.name)) && utf8_valid(BYTES_STRING(a.host)));
        address_format(&a, true, canonical);
        must(parse(canonical, &b, &reason) == 0 && address_equal(&a, &b) && a.has_key == b.has_key &&
             memcmp(a.key, b.key, sizeof(a.key)) == 0);
        address_format(&b, true, again);
        must(strcmp(canonical, again) == 0);
        address_format(&a, false, canonical);
        must(parse(canonical, &b, &reason) == 0 && address_equal(&a, &b) && !b.has_key);
}

static void fuzz_address(struct bytes input)
{
        fuzz_address_as(input, address_parse);
}

static void fuzz_hub(struct bytes input)
{
        fuzz_address_as(input, address_parse_hub);
}

/* Of whichever size the text could be, it decodes to one that is written as the same text. */
static void fuzz_encoding(struct bytes input, unsigned width, int (*decode)(const char *, uint8_t *, size_t),
                          char *(*encode)(struct bytes))
{
        _cleanup_free_ char *text = to_string(input), *again = NULL;
        size_t size = strlen(text) * width / 8;
        _cleanup_free_ uint8_t *out = malloc(size + 1);

        must(out != NULL);
        must(decode(text, out, size + 1) < 0);
        if (decode(text, out, size) < 0)
                return;
        again = encode(BYTES(out, size));
        must(again && strcmp(text, again) == 0);
}

static void fuzz_hex(struct bytes input)
{
        fuzz_encoding(input, 4, hex_decode, hex_encode);
}

static void fuzz_base64url(struct bytes input)
{
        fuzz_encoding(input, 6, base64url_decode, base64url_encode);
}

/* The code points of valid UTF-8, written again by the book (RFC 3629 §3), are the same bytes. */
static void fuzz_utf8(struct bytes input)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;

        if (!utf8_valid(input))
                return;
        reader_init(&r, input);
        while (reader_more(&r)) {
                uint8_t lead = read_u8(&r);
                unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
                uint32_t code = more == 0 ? lead : lead & (0x3fU >> more);

                for (unsigned i = 0; i < more; i++)
                        code = code << 6 | (read_u8(&r) & 0x3f);
                must(code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
                more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
                write_u8(&w, (uint8_t) (more == 0 ? code : (0xff00U >> (more + 1) & 0xff) | code >> 6 * more));
                while (more-- > 0)
                        write_u8(&w, (uint8_t) (0x80 | (code >> 6 * more & 0x3f)));
        }
        must(reader_finish(&r) == 0 && bytes_equal(writer_bytes(&w), input));
}

/* A value that nobody sealed does not open. */
static void fuzz_unseal(struct bytes input)
{
        static const uint8_t zeroes[SEAL_KEY_SIZE];
        _cleanup_secret_ struct secret *key = secret_copy(BYTES_OF(zeroes)), *plain = NULL;

        must(unseal(key, BYTES_STRING("place"), input, &plain) < 0 && !plain);
}

/* One that was sealed opens, unless a bit of it, its end or its place has been changed: where and how the input's first
 * bytes say. */
static void fuzz_tampered(struct bytes input)
{
        _cleanup_secret_ struct secret *key = secret_random(SEAL_KEY_SIZE), *plain = NULL;
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;
        size_t place, shorter;
        uint8_t mask;
        bool moved, same;

        reader_init(&r, input);
        place = read_u16(&r);
        mask = read_u8(&r);
        shorter = read_u8(&r) % 32;
        moved = read_u8(&r) & 1;
        if (r.error < 0)
                return;
        must(seal(key, BYTES_STRING("place"), r.rest, &w) == 0 && w.size == r.rest.size + SEAL_OVERHEAD);
        if (shorter > w.size)
                shorter = w.size;
        w.data[place % w.size] ^= mask;
        w.size -= shorter;
        same = mask == 0 && shorter == 0 && !moved;
        must((unseal(key, moved ? BYTES_STRING("another") : BYTES_STRING("place"), writer_bytes(&w), &plain) == 0) ==
             same);
        must(!same || bytes_equal(secret_bytes(plain), r.rest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const decoders[])(struct bytes) = {
                fuzz_address, fuzz_hub, fuzz_hex, fuzz_base64url, fuzz_utf8, fuzz_unseal, fuzz_tampered,
        };

        if (size > 0)
                decoders[data[0] % COUNT_OF(decoders)](BYTES(data + 1, size - 1));
        return 0;
}
