/* A slot from a hostile disk: what is taken must be within the bounds and be written as the same bytes. */
#include <stdlib.h>

#include "cryptod/vault/slot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;
        struct slot s;

        reader_init(&r, BYTES(data, size));
        if (slot_read(&r, &s) < 0 || reader_finish(&r) < 0)
                return 0;
        write_fixed(&w, s.head);
        write_vector(&w, s.wrapped_key);
        if ((s.kind != SLOT_RECOVERY && argon2_parameters_check(&s.parameters) < 0) ||
            s.salt.size != KEY_DERIVATION_SALT_SIZE || !bytes_equal(writer_bytes(&w), BYTES(data, size)))
                abort();
        return 0;
}
