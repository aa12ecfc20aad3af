#include "cryptod/mls/grease.h"

#include "services/seal.h"

uint16_t grease_value(void)
{
        uint8_t random;

        random_fill(&random, sizeof(random));
        return (uint16_t) (0x0a0a + 0x1010 * (random % 15));
}

bool grease_is_reserved(uint16_t value)
{
        return (value & 0x0f0f) == 0x0a0a && value >> 12 == (value >> 4 & 0xf) && value != 0xfafa;
}

void grease_write_extension(struct writer *w)
{
        uint8_t random[8];

        random_fill(random, sizeof(random));
        write_u16(w, grease_value());
        write_vector(w, BYTES(random, random[0] % sizeof(random)));
}
