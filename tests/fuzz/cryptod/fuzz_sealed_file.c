/* A sealed file from somebody else. Nobody but its owner can make one that opens, so whatever opens must be the one
 * that was sealed with this key (the vector of docs/sealed-files.md), with all of its content or, for a file that was
 * changed, none. */
#include <stdlib.h>
#include <string.h>

#include "cryptod/files/sealed_file.h"
#include "services/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char content[] = "Hello, stranger.\n";

static void must(bool good)
{
        if (!good)
                abort();
}

/* A header that was taken says exactly the bytes that were read. */
static void check_header(struct bytes input, const struct sealed_file_header *h)
{
        must(input.size >= SEALED_FILE_HEADER_SIZE && h->id.size == SEALED_FILE_ID_SIZE &&
             h->salt.size == SEALED_FILE_SALT_SIZE && h->prefix.size == SEALED_FILE_PREFIX_SIZE &&
             h->commitment.size == SEALED_FILE_COMMITMENT_SIZE);
        must(h->associated.data == input.data &&
             h->associated.data + h->associated.size + SEALED_FILE_COMMITMENT_SIZE + SEALED_FILE_CHECK_SIZE ==
                     input.data + SEALED_FILE_HEADER_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_secret_ struct secret *key = secret_new(SEALED_FILE_KEY_SIZE);
        _cleanup_sealed_file_ struct sealed_file *f = NULL;
        _cleanup_free_ uint8_t *plain = malloc(SEALED_FILE_CHUNK_SIZE);
        struct sealed_file_header h;

        must(plain != NULL);
        for (size_t i = 0; i < key->size; i++)
                key->data[i] = (uint8_t) i;
        if (size > SEALED_FILE_CHUNK_SIZE || sealed_file_header_read(BYTES(data, size), &h) != 0)
                return 0;
        check_header(BYTES(data, size), &h);
        if (sealed_file_open(key, &h, &f) != 0)
                return 0;
        struct bytes chunk = BYTES(data + SEALED_FILE_HEADER_SIZE, size - SEALED_FILE_HEADER_SIZE);
        if (sealed_file_open_chunk(f, 0, true, chunk, plain) == 0)
                must(bytes_equal(BYTES(plain, chunk.size - SEALED_FILE_TAG_SIZE), BYTES_STRING(content)));
        must(sealed_file_open_chunk(f, 1, false, chunk, plain) != 0);
        return 0;
}
