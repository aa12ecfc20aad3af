#include "cryptod/mls/x_key.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"

enum { X25519_SIZE = 32, X448_SIZE = 56 };

/* u of 0, 1, p - 1 and the two of order 8, and p and p + 1, which are 0 and 1 again; little-endian. */
static const uint8_t x25519[][X25519_SIZE] = {
        { 0 },
        { 1 },
        { 0xec, [1 ... 30] = 0xff, 0x7f },
        { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
          0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
        { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
          0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
        { 0xed, [1 ... 30] = 0xff, 0x7f },
        { 0xee, [1 ... 30] = 0xff, 0x7f },
};

/* u of 0, 1 and p - 1, and p and p + 1. */
static const uint8_t x448[][X448_SIZE] = {
        { 0 },
        { 1 },
        { 0xfe, [1 ... 27] = 0xff, 0xfe, [29 ... 55] = 0xff },
        { [0 ... 27] = 0xff, 0xfe, [29 ... 55] = 0xff },
        { [28 ... 55] = 0xff },
};

static int check_x25519(struct bytes key)
{
        uint8_t u[X25519_SIZE];

        if (key.size != sizeof(u))
                return -EBADMSG;
        memcpy(u, key.data, sizeof(u));
        u[X25519_SIZE - 1] &= 0x7f; /* as the function masks it (RFC 7748 §5) */
        for (size_t i = 0; i < COUNT_OF(x25519); i++)
                if (memcmp(u, x25519[i], sizeof(u)) == 0)
                        return -EBADMSG;
        return 0;
}

static int check_x448(struct bytes key)
{
        if (key.size != X448_SIZE)
                return -EBADMSG;
        for (size_t i = 0; i < COUNT_OF(x448); i++)
                if (bytes_equal(key, BYTES_OF(x448[i])))
                        return -EBADMSG;
        return 0;
}

int x_key_check(const char *type, struct bytes public_key)
{
        return strcmp(type, "X448") == 0 ? check_x448(public_key) : check_x25519(public_key);
}
