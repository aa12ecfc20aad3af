/* An older tool's envelope from somebody else. What has a MAC that is right was written with the passphrase; the fuzzer
 * knows it, but can make none, so that must be the corpus's. What opens is written again, and opens again. */
#include <stdlib.h>

#include "cryptod/files/legacy_envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
        if (!good)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_secret_ struct secret *passphrase = secret_copy(BYTES_STRING("correct horse"));
        _cleanup_writer_ struct writer plain = WRITER_INIT, text = WRITER_INIT, again = WRITER_INIT;
        bool authenticated;

        if (legacy_envelope_read(passphrase, BYTES(data, size), &plain, &authenticated) < 0) {
                must(plain.size == 0);
                return 0;
        }
        must(!authenticated || bytes_equal(writer_bytes(&plain), BYTES_STRING("attack at dawn, or somewhat later")));
        must(legacy_envelope_write(passphrase, writer_bytes(&plain), &text) == 0);
        must(legacy_envelope_read(passphrase, writer_bytes(&text), &again, &authenticated) == 0 && authenticated);
        must(bytes_equal(writer_bytes(&plain), writer_bytes(&again)));
        return 0;
}
