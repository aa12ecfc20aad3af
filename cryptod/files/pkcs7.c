/* See pkcs7.h. */
#include "cryptod/files/pkcs7.h"

#include <assert.h>

void pkcs7_pad(size_t size, struct writer *out)
{
        uint8_t n = (uint8_t) (PKCS7_BLOCK_SIZE - size % PKCS7_BLOCK_SIZE);

        for (uint8_t i = 0; i < n; i++)
                write_u8(out, n);
}

/* All bits if a < b, else none; both below 2^31. */
static uint32_t less(uint32_t a, uint32_t b)
{
        return 0U - ((a - b) >> 31);
}

size_t pkcs7_unpad(struct bytes padded, uint32_t *good)
{
        struct reader r;
        uint32_t n, bad;

        assert(padded.size >= PKCS7_BLOCK_SIZE && padded.size % PKCS7_BLOCK_SIZE == 0);
        reader_init(&r, padded);
        (void) read_fixed(&r, padded.size - PKCS7_BLOCK_SIZE);
        struct bytes block = read_fixed(&r, PKCS7_BLOCK_SIZE);
        n = block.data[PKCS7_BLOCK_SIZE - 1];
        bad = less(n, 1) | less(PKCS7_BLOCK_SIZE, n);
        for (uint32_t i = 0; i < PKCS7_BLOCK_SIZE; i++)
                bad |= less(i, n) & (block.data[PKCS7_BLOCK_SIZE - 1 - i] ^ n);
        bad = 0U - ((bad | (0U - bad)) >> 31); /* all bits, unless it was 0 */
        *good = 1U & ~bad;
        return padded.size - (n & ~bad);
}
