/* A sealed file: a header, and chunks that are sealed with AES-256-GCM one by one, so that neither side needs the whole
 * in memory, a reader can begin anywhere, and nothing of a chunk is used before its tag is verified.
 * docs/sealed-files.md has all that another program needs to read one.
 *
 *     header │ chunk 0 │ chunk 1 │ … │ last chunk         each place SEALED_FILE_CHUNK_SIZE, the last one less; the
 *     └── SEALED_FILE_CHUNK_SIZE ┘                        header takes from the first
 *
 * It is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance", CRYPTO 2015) in the shape of Tink's AES-GCM-HKDF streaming: a key of its own for each file, and
 * nonces prefix ‖ number of the chunk ‖ whether it is the last. To that comes a commitment to the key, for AES-GCM
 * alone has none: a file could be made that opens to one content with one key and to another with a second. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"

enum {
        SEALED_FILE_KEY_SIZE = 32, /* of the wrapping key */
        SEALED_FILE_ID_SIZE = 16,
        SEALED_FILE_SALT_SIZE = 32,
        SEALED_FILE_PREFIX_SIZE = 7,
        SEALED_FILE_COMMITMENT_SIZE = 32,
        SEALED_FILE_CHECK_SIZE = 16,
        SEALED_FILE_HEADER_SIZE = 8 + 1 + 1 + SEALED_FILE_ID_SIZE + SEALED_FILE_SALT_SIZE + SEALED_FILE_PREFIX_SIZE +
                                  SEALED_FILE_COMMITMENT_SIZE + SEALED_FILE_CHECK_SIZE,
        SEALED_FILE_TAG_SIZE = 16,
        SEALED_FILE_CHUNK_SIZE = 256 * 1024,                                  /* as relayd transfers them */
        SEALED_FILE_CAPACITY = SEALED_FILE_CHUNK_SIZE - SEALED_FILE_TAG_SIZE, /* of all chunks but the first */
        SEALED_FILE_FIRST_CAPACITY = SEALED_FILE_CAPACITY - SEALED_FILE_HEADER_SIZE,
        SEALED_FILE_PART_MIN = 4 * 1024, /* a transfer ends with a part of this size, or 4, 16 or 64 times as much */
};

/* Which key wraps the file. */
enum sealed_file_key {
        SEALED_FILE_KEY_ACCOUNT = 1, /* derived from the vault key of who sealed it */
        SEALED_FILE_KEY_MESSAGE = 2, /* in the message that has the file's id */
        SEALED_FILE_KEY_COVER = 3,   /* in the cover that stands before the header (cover.h) */
};

/* What is wrong with a file. All are above 0, so that they can share a return value with a negative errno. */
enum sealed_file_flaw {
        SEALED_FILE_FOREIGN = 1,    /* it does not begin as a sealed file does */
        SEALED_FILE_NEWER,          /* a version or a kind of key that is not known here */
        SEALED_FILE_HEADER_DAMAGED, /* the header's checksum is wrong */
        SEALED_FILE_WRONG_KEY,      /* sealed under another key, or by somebody who forged its header */
        SEALED_FILE_CUT_OFF,        /* whole chunks are missing at the end */
        SEALED_FILE_EXTENDED,       /* something follows the last chunk */
        SEALED_FILE_MOVED,          /* a chunk of this file, but not the one that belongs here */
        SEALED_FILE_END_DAMAGED,    /* the last bytes are not as they were sealed, or not all there */
        SEALED_FILE_DAMAGED,        /* a chunk is not as it was sealed */
        SEALED_FILE_OTHER_SEALER,   /* not sealed by who was expected (cover.h) */
};

/* A sentence about a flaw, with what to do now. */
const char *sealed_file_flaw_text(enum sealed_file_flaw flaw);

struct sealed_file_header {
        enum sealed_file_key key;
        struct bytes id, salt, prefix, commitment; /* views */
        struct bytes associated; /* all that stands before the commitment, which the file's key is bound to */
};

/* Takes a header apart; the rest of @input is not looked at. 0 or a flaw. */
int sealed_file_header_read(struct bytes input, struct sealed_file_header *out);

struct sealed_file;

/* Begins a new file of an id (SEALED_FILE_ID_SIZE bytes), or of a random one if that is empty, and fills in its header.
 * @wrapping_key has SEALED_FILE_KEY_SIZE bytes and is not kept. */
struct sealed_file *sealed_file_new(const struct secret *wrapping_key, enum sealed_file_key kind, struct bytes id,
                                    uint8_t header[static SEALED_FILE_HEADER_SIZE]);

/* The same with a salt and a prefix that are given, for test vectors. Twice the same of them with one key gives away
 * what is sealed. */
struct sealed_file *sealed_file_new_fixed(const struct secret *wrapping_key, enum sealed_file_key kind, struct bytes id,
                                          struct bytes salt, struct bytes prefix,
                                          uint8_t header[static SEALED_FILE_HEADER_SIZE]);

/* Begins to open the file with this header. 0, SEALED_FILE_WRONG_KEY. */
int sealed_file_open(const struct secret *wrapping_key, const struct sealed_file_header *header,
                     struct sealed_file **out);

/* The same file once more, for another thread, which seals or opens others of its chunks. */
struct sealed_file *sealed_file_copy(const struct sealed_file *f);

/* Wipes the key. NULL is allowed. Returns NULL. */
struct sealed_file *sealed_file_free(struct sealed_file *f);
void sealed_file_release(struct sealed_file **f);
#define _cleanup_sealed_file_ __attribute__((cleanup(sealed_file_release)))

/* How many bytes of content a chunk has, if it is not the last. */
size_t sealed_file_capacity(uint32_t number);

/* How large a sealed file with @content bytes of content is. */
uint64_t sealed_file_size(uint64_t content);

/* The chunk that holds the byte at @offset of the content, how many bytes of it stand before that byte, and where the
 * chunk begins in the sealed file. -EFBIG for an offset that no file can have. */
int sealed_file_seek(uint64_t offset, uint32_t *number, size_t *skip, uint64_t *position);

/* Seals a chunk into @sealed, which has room for SEALED_FILE_TAG_SIZE bytes more than @plain, and may be the same
 * place. Each number may be used once; all but the last chunk are as large as their capacity, and only chunk 0 may be
 * empty. */
void sealed_file_seal_chunk(struct sealed_file *f, uint32_t number, bool last, struct bytes plain, uint8_t *sealed);

/* Opens a chunk into @plain, which has room for SEALED_FILE_TAG_SIZE bytes less than @sealed, and is wiped if that
 * fails. 0, or the flaw as far as it can be told. */
int sealed_file_open_chunk(struct sealed_file *f, uint32_t number, bool last, struct bytes sealed, uint8_t *plain);
