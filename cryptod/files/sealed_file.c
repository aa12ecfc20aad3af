/* See sealed_file.h. */
#include "cryptod/files/sealed_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/files/aes_gcm.h"
#include "services/cleanup.h"
#include "services/seal.h"

#define INFO "visavis sealed file v1"

enum { VERSION = 1, NEIGHBOURS = 64 };

/* As PNG's: not a text, and changed by whoever takes it for one. */
static const uint8_t magic[8] = { 0x89, 'V', 'V', 'S', '\r', '\n', 0x1a, '\n' };

struct sealed_file {
        struct secret *key;
        struct aes_gcm *cipher; /* has it, too */
        bool seals;
        uint8_t prefix[SEALED_FILE_PREFIX_SIZE];
};

static const char *const flaw_texts[] = {
        [SEALED_FILE_FOREIGN] = "This is not a sealed file. If it is an older chat tool's, open it with --legacy-cbc.",
        [SEALED_FILE_NEWER] = "This file was sealed by a newer version of Visavis. Update this one.",
        [SEALED_FILE_HEADER_DAMAGED] = "The file's first bytes are damaged. Get it once more from where it came.",
        [SEALED_FILE_WRONG_KEY] =
                "The file was sealed under another key. Open it with the account that sealed it, or for which it "
                "was sealed.",
        [SEALED_FILE_CUT_OFF] = "The end of the file is missing. Get it once more from where it came.",
        [SEALED_FILE_EXTENDED] = "Something was added behind the end of the file. Get it once more from where it came.",
        [SEALED_FILE_MOVED] = "Parts of the file were moved, repeated or left out. Get it once more from where it "
                              "came.",
        [SEALED_FILE_END_DAMAGED] = "The end of the file is damaged or cut off, or something was added to it. Get it "
                                    "once more from where it came.",
        [SEALED_FILE_DAMAGED] = "The file is damaged. Get it once more from where it came.",
        [SEALED_FILE_OTHER_SEALER] =
                "The file was not sealed by that person, or with another key of theirs than the one "
                "that is known. Nothing of it was opened; ask them in another way.",
};

const char *sealed_file_flaw_text(enum sealed_file_flaw flaw)
{
        assert((size_t) flaw < COUNT_OF(flaw_texts) && flaw_texts[flaw]);
        return flaw_texts[flaw];
}

/* Of writers that hold a few bytes: nothing sensible can follow. */
static void must(bool ok)
{
        if (!ok)
                abort();
}

static bool check_is_right(struct bytes checked, struct bytes check)
{
        uint8_t hash[32];

        sha256(checked, hash);
        return bytes_equal(BYTES(hash, SEALED_FILE_CHECK_SIZE), check);
}

int sealed_file_header_read(struct bytes input, struct sealed_file_header *out)
{
        struct sealed_file_header h = { 0 };
        struct reader r, start;
        struct bytes checked;
        uint8_t version;

        reader_init(&r, input);
        start = r;
        if (!bytes_equal(read_fixed(&r, sizeof(magic)), BYTES_OF(magic)))
                return SEALED_FILE_FOREIGN;
        version = read_u8(&r);
        if (version != VERSION)
                return r.error ? SEALED_FILE_CUT_OFF : SEALED_FILE_NEWER;
        h.key = read_u8(&r);
        h.id = read_fixed(&r, SEALED_FILE_ID_SIZE);
        h.salt = read_fixed(&r, SEALED_FILE_SALT_SIZE);
        h.prefix = read_fixed(&r, SEALED_FILE_PREFIX_SIZE);
        h.associated = reader_between(&start, &r);
        h.commitment = read_fixed(&r, SEALED_FILE_COMMITMENT_SIZE);
        checked = reader_between(&start, &r);
        struct bytes check = read_fixed(&r, SEALED_FILE_CHECK_SIZE);
        if (r.error)
                return SEALED_FILE_CUT_OFF;
        if (!check_is_right(checked, check))
                return SEALED_FILE_HEADER_DAMAGED;
        if (h.key < SEALED_FILE_KEY_ACCOUNT || h.key > SEALED_FILE_KEY_COVER)
                return SEALED_FILE_NEWER;
        *out = h;
        return 0;
}

/* The file's key, and behind it the commitment to it. */
static struct secret *derive(const struct secret *wrapping_key, struct bytes salt, struct bytes associated)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;

        assert(wrapping_key->size == SEALED_FILE_KEY_SIZE);
        write_fixed(&info, BYTES_STRING(INFO));
        write_fixed(&info, associated);
        must(writer_finish(&info) >= 0);
        return hkdf_sha512(secret_bytes(wrapping_key), salt, writer_bytes(&info),
                           AES_GCM_KEY_SIZE + SEALED_FILE_COMMITMENT_SIZE);
}

static struct sealed_file *file_new(struct bytes key, struct bytes prefix, bool seals)
{
        struct sealed_file *f = calloc(1, sizeof(*f));

        if (!f)
                abort();
        memcpy(f->prefix, prefix.data, SEALED_FILE_PREFIX_SIZE);
        f->key = secret_copy(key);
        f->cipher = aes_gcm_new(key, seals);
        f->seals = seals;
        return f;
}

struct sealed_file *sealed_file_copy(const struct sealed_file *f)
{
        return file_new(secret_bytes(f->key), BYTES_OF(f->prefix), f->seals);
}

struct sealed_file *sealed_file_new_fixed(const struct secret *wrapping_key, enum sealed_file_key kind, struct bytes id,
                                          struct bytes salt, struct bytes prefix,
                                          uint8_t header[static SEALED_FILE_HEADER_SIZE])
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        _cleanup_secret_ struct secret *derived = NULL;
        uint8_t hash[32];

        assert(id.size == SEALED_FILE_ID_SIZE && salt.size == SEALED_FILE_SALT_SIZE &&
               prefix.size == SEALED_FILE_PREFIX_SIZE);
        write_fixed(&w, BYTES_OF(magic));
        write_u8(&w, VERSION);
        write_u8(&w, (uint8_t) kind);
        write_fixed(&w, id);
        write_fixed(&w, salt);
        write_fixed(&w, prefix);
        must(writer_finish(&w) >= 0);
        derived = derive(wrapping_key, salt, writer_bytes(&w));
        write_fixed(&w, BYTES(derived->data + AES_GCM_KEY_SIZE, SEALED_FILE_COMMITMENT_SIZE));
        sha256(writer_bytes(&w), hash);
        write_fixed(&w, BYTES(hash, SEALED_FILE_CHECK_SIZE));
        must(writer_finish(&w) >= 0 && w.size == SEALED_FILE_HEADER_SIZE);
        memcpy(header, w.data, SEALED_FILE_HEADER_SIZE);
        return file_new(BYTES(derived->data, AES_GCM_KEY_SIZE), prefix, true);
}

struct sealed_file *sealed_file_new(const struct secret *wrapping_key, enum sealed_file_key kind, struct bytes id,
                                    uint8_t header[static SEALED_FILE_HEADER_SIZE])
{
        uint8_t fresh[SEALED_FILE_ID_SIZE], salt[SEALED_FILE_SALT_SIZE], prefix[SEALED_FILE_PREFIX_SIZE];

        random_fill(fresh, sizeof(fresh));
        random_fill(salt, sizeof(salt));
        random_fill(prefix, sizeof(prefix));
        return sealed_file_new_fixed(wrapping_key, kind, id.size > 0 ? id : BYTES_OF(fresh), BYTES_OF(salt),
                                     BYTES_OF(prefix), header);
}

int sealed_file_open(const struct secret *wrapping_key, const struct sealed_file_header *header,
                     struct sealed_file **out)
{
        _cleanup_secret_ struct secret *derived = derive(wrapping_key, header->salt, header->associated);

        if (!secret_equal(BYTES(derived->data + AES_GCM_KEY_SIZE, SEALED_FILE_COMMITMENT_SIZE), header->commitment))
                return SEALED_FILE_WRONG_KEY;
        *out = file_new(BYTES(derived->data, AES_GCM_KEY_SIZE), header->prefix, false);
        return 0;
}

struct sealed_file *sealed_file_free(struct sealed_file *f)
{
        if (!f)
                return NULL;
        secret_free(f->key);
        aes_gcm_free(f->cipher);
        free(f);
        return NULL;
}

void sealed_file_release(struct sealed_file **f)
{
        sealed_file_free(*f);
}

size_t sealed_file_capacity(uint32_t number)
{
        return number == 0 ? SEALED_FILE_FIRST_CAPACITY : SEALED_FILE_CAPACITY;
}

uint64_t sealed_file_size(uint64_t content)
{
        uint64_t rest = content > SEALED_FILE_FIRST_CAPACITY ? content - SEALED_FILE_FIRST_CAPACITY : 0;
        uint64_t chunks = 1 + (rest + SEALED_FILE_CAPACITY - 1) / SEALED_FILE_CAPACITY;

        return SEALED_FILE_HEADER_SIZE + content + chunks * SEALED_FILE_TAG_SIZE;
}

int sealed_file_seek(uint64_t offset, uint32_t *number, size_t *skip, uint64_t *position)
{
        uint64_t n = 0, rest = offset;

        if (offset >= SEALED_FILE_FIRST_CAPACITY) {
                n = 1 + (offset - SEALED_FILE_FIRST_CAPACITY) / SEALED_FILE_CAPACITY;
                rest = (offset - SEALED_FILE_FIRST_CAPACITY) % SEALED_FILE_CAPACITY;
        }
        if (n > UINT32_MAX)
                return -EFBIG;
        *number = (uint32_t) n;
        *skip = (size_t) rest;
        *position = n == 0 ? SEALED_FILE_HEADER_SIZE : n * SEALED_FILE_CHUNK_SIZE;
        return 0;
}

static void nonce_of(const struct sealed_file *f, uint32_t number, bool last, uint8_t out[static AES_GCM_NONCE_SIZE])
{
        _cleanup_writer_ struct writer nonce = WRITER_INIT;

        write_fixed(&nonce, BYTES_OF(f->prefix));
        write_u32(&nonce, number);
        write_u8(&nonce, last);
        must(writer_finish(&nonce) >= 0 && nonce.size == AES_GCM_NONCE_SIZE);
        memcpy(out, nonce.data, AES_GCM_NONCE_SIZE);
}

void sealed_file_seal_chunk(struct sealed_file *f, uint32_t number, bool last, struct bytes plain, uint8_t *sealed)
{
        uint8_t nonce[AES_GCM_NONCE_SIZE];

        assert(plain.size <= sealed_file_capacity(number) && (last || plain.size == sealed_file_capacity(number)) &&
               (plain.size > 0 || number == 0));
        nonce_of(f, number, last, nonce);
        aes_gcm_seal(f->cipher, nonce, plain, sealed);
}

static bool opens(struct sealed_file *f, uint32_t number, bool last, struct bytes sealed, uint8_t *plain)
{
        uint8_t nonce[AES_GCM_NONCE_SIZE];

        nonce_of(f, number, last, nonce);
        return aes_gcm_open(f->cipher, nonce, sealed, plain);
}

/* A chunk that does not open where it stands: for whoever wants to know what happened, it is tried where it might have
 * stood. */
static enum sealed_file_flaw diagnose(struct sealed_file *f, uint32_t number, bool last, struct bytes sealed,
                                      uint8_t *plain)
{
        enum sealed_file_flaw flaw = last ? SEALED_FILE_END_DAMAGED : SEALED_FILE_DAMAGED;

        if (opens(f, number, !last, sealed, plain))
                flaw = last ? SEALED_FILE_CUT_OFF : SEALED_FILE_EXTENDED;
        for (uint32_t i = 1; i <= NEIGHBOURS && (flaw == SEALED_FILE_DAMAGED || flaw == SEALED_FILE_END_DAMAGED); i++)
                if (opens(f, number - i, false, sealed, plain) || opens(f, number + i, false, sealed, plain) ||
                    opens(f, number - i, true, sealed, plain) || opens(f, number + i, true, sealed, plain))
                        flaw = SEALED_FILE_MOVED;
        explicit_bzero(plain, sealed.size - SEALED_FILE_TAG_SIZE);
        return flaw;
}

int sealed_file_open_chunk(struct sealed_file *f, uint32_t number, bool last, struct bytes sealed, uint8_t *plain)
{
        size_t full = sealed_file_capacity(number) + SEALED_FILE_TAG_SIZE;

        assert(sealed.size <= full);
        if (sealed.size < SEALED_FILE_TAG_SIZE || (sealed.size == SEALED_FILE_TAG_SIZE && number > 0))
                return SEALED_FILE_END_DAMAGED;
        if (!last && sealed.size < full)
                return SEALED_FILE_DAMAGED;
        return opens(f, number, last, sealed, plain) ? 0 : (int) diagnose(f, number, last, sealed, plain);
}
