/* Hex, base64url and UTF-8. Decoders accept one spelling of a value only. */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit_value(const char *digits, char c)
{
        const char *p = c ? strchr(digits, c) : NULL;

        return p ? (int) (p - digits) : -EINVAL;
}

char *hex_encode(struct bytes b)
{
        char *s = malloc(b.size * 2 + 1);

        if (!s)
                return NULL;
        for (size_t i = 0; i < b.size; i++) {
                s[2 * i] = hex_digits[b.data[i] >> 4];
                s[2 * i + 1] = hex_digits[b.data[i] & 15];
        }
        s[b.size * 2] = '\0';
        return s;
}

char *base64url_encode(struct bytes b)
{
        char *s = malloc((b.size * 8 + 5) / 6 + 1);
        char *end = s;
        uint32_t buffer = 0;
        unsigned bits = 0;

        if (!s)
                return NULL;
        for (size_t i = 0; i < b.size; i++) {
                buffer = (buffer & 0x3f) << 8 | b.data[i];
                for (bits += 8; bits >= 6; bits -= 6)
                        *end++ = base64url_digits[buffer >> (bits - 6) & 0x3f];
        }
        if (bits > 0)
                *end++ = base64url_digits[buffer << (6 - bits) & 0x3f];
        *end = '\0';
        return s;
}

/* @width bits a character, most significant first; bits left over at the end must be zero. */
static int decode(const char *s, const char *digits, unsigned width, uint8_t *out, size_t size)
{
        uint32_t buffer = 0;
        unsigned bits = 0;

        if (strlen(s) != (size * 8 + width - 1) / width)
                return -EINVAL;
        for (; *s; s++) {
                int value = digit_value(digits, *s);

                if (value < 0)
                        return -EINVAL;
                buffer = (buffer << width | (uint32_t) value) & 0xffff;
                bits += width;
                if (bits >= 8) {
                        bits -= 8;
                        *out++ = (uint8_t) (buffer >> bits);
                }
        }
        return (buffer & ((1U << bits) - 1)) == 0 ? 0 : -EINVAL;
}

int hex_decode(const char *s, uint8_t *out, size_t size)
{
        return decode(s, hex_digits, 4, out, size);
}

int base64url_decode(const char *s, uint8_t *out, size_t size)
{
        return decode(s, base64url_digits, 6, out, size);
}

/* Number of continuation bytes that follow @lead, and the least code point that may be written so; -EINVAL if no
 * character starts with it. */
static int utf8_lead(uint8_t lead, uint32_t *least)
{
        if (lead < 0x80) {
                *least = 1;
                return 0;
        }
        if ((lead & 0xe0) == 0xc0) {
                *least = 0x80;
                return 1;
        }
        if ((lead & 0xf0) == 0xe0) {
                *least = 0x800;
                return 2;
        }
        if ((lead & 0xf8) == 0xf0) {
                *least = 0x10000;
                return 3;
        }
        return -EINVAL;
}

bool utf8_valid(struct bytes b)
{
        struct reader r;

        reader_init(&r, b);
        while (reader_more(&r)) {
                uint8_t lead = read_u8(&r);
                uint32_t least, code;
                int continuation = utf8_lead(lead, &least);

                if (continuation < 0)
                        return false;
                code = continuation == 0 ? lead : lead & (0x3fU >> continuation);
                for (int i = 0; i < continuation; i++) {
                        uint8_t next = read_u8(&r);

                        if ((next & 0xc0) != 0x80)
                                return false;
                        code = code << 6 | (next & 0x3f);
                }
                if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                        return false;
        }
        return reader_finish(&r) == 0;
}
