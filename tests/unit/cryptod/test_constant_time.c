/* From the factors to the vault key, and from that to a sealed row, no jump and no address of ours depends on a secret:
 * a face secret, a PIN, a recovery code's bits, the keys that they give, what is sealed. Nor on how content was padded.
 *
 * Not held to it: Argon2id, whose second half looks up by what it has computed (RFC 9106 §3.4.1.3), which is
 * libargon2's; zxcvbn, which judges a factor once, when it is chosen; and the words of a recovery code while a person
 * reads or types them. */
#include <errno.h>

#include "cryptod/files/pkcs7.h"
#include "cryptod/vault/slot.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "tests/unit/taint.h"

static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };

/* Salts and nonces lie beside what they were used for; what was sealed is for everybody to see. */
int __real_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out);
int __wrap_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out);
int __wrap_seal(const struct secret *key, struct bytes associated, struct bytes plain, struct writer *out)
{
        int r = __real_seal(key, associated, plain, out);

        untaint(out->data, out->size);
        return r;
}

static struct secret *tainted(size_t size)
{
        struct secret *s = secret_random(size);

        taint(s->data, s->size);
        return s;
}

static bool is_secret(const struct secret *s)
{
        return s && is_tainted(s->data, s->size);
}

static void what_leaks_is_noticed(void)
{
        _cleanup_secret_ struct secret *a = tainted(32), *b = tainted(32);

        (void) bytes_equal(secret_bytes(a), secret_bytes(b));
        step_that_leaks("memcmp() of secrets is noticed");
}

static void rows_are_sealed_and_opened(void)
{
        _cleanup_secret_ struct secret *key = tainted(SEAL_KEY_SIZE), *plain = tainted(100), *opened = NULL,
                                       *none = NULL;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        bool good = seal(key, BYTES_STRING("row"), secret_bytes(plain), &sealed) == 0 &&
                    unseal(key, BYTES_STRING("row"), writer_bytes(&sealed), &opened) == 0 && is_secret(opened) &&
                    unseal(key, BYTES_STRING("other row"), writer_bytes(&sealed), &none) == -EBADMSG;

        step("rows are sealed and opened", good);
}

static bool slot_opens(enum slot_kind kind, size_t factor_size)
{
        bool has_face = kind == SLOT_FACE_AND_FACTOR, costs = kind != SLOT_RECOVERY;
        _cleanup_secret_ struct secret *face = has_face ? tainted(FACE_SECRET_SIZE) : NULL,
                                       *factor = tainted(factor_size), *wrong = tainted(factor_size),
                                       *vault_key = tainted(VAULT_KEY_SIZE), *opened = NULL, *none = NULL;
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct bytes account = BYTES_STRING("account");
        struct reader r;
        struct slot s;

        if (slot_make(kind, account, BYTES_STRING("label"), 1, costs ? &cheap : NULL, face, factor, vault_key,
                      &encoded) < 0)
                return false;
        reader_init(&r, writer_bytes(&encoded));
        return slot_read(&r, &s) == 0 && slot_open(&s, account, face, factor, &opened) == 0 && is_secret(opened) &&
               slot_open(&s, account, face, wrong, &none) == -EKEYREJECTED;
}

/* Every padding, right and wrong, at once: the bytes are not known to whoever measures. */
static void padding_is_taken_off(void)
{
        static const uint8_t lengths[] = { 0, 1, 2, 15, 16, 17, 255 };
        bool good = true;

        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
                uint8_t block[2 * PKCS7_BLOCK_SIZE];
                uint32_t right;
                size_t size;

                for (size_t k = 0; k < sizeof(block); k++)
                        block[k] = lengths[i];
                taint(block, sizeof(block));
                size = pkcs7_unpad(BYTES_OF(block), &right);
                good = good && is_tainted(&size, 1);
                untaint(&size, sizeof(size));
                untaint(&right, sizeof(right));
                bool valid = lengths[i] >= 1 && lengths[i] <= PKCS7_BLOCK_SIZE;
                good = good && right == valid && size == sizeof(block) - (valid ? lengths[i] : 0);
        }
        step("padding is taken off", good);
}

int main(int argc, char **argv)
{
        taint_begin(argv, TAINT_SUPPRESSIONS);
        what_leaks_is_noticed();
        rows_are_sealed_and_opened();
        padding_is_taken_off();
        step("a face and a PIN open a slot", slot_opens(SLOT_FACE_AND_FACTOR, 6));
        step("a passphrase opens a slot", slot_opens(SLOT_PASSPHRASE, 20));
        step("a recovery code opens a slot", slot_opens(SLOT_RECOVERY, 20));
        return taint_end();
}
