#include "cryptod/vault/key_derivation.h"

#include <argon2.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cryptod/vault/recovery_code.h"
#include "services/cleanup.h"
#include "services/seal.h"

#define INFO "visavis vault KEK v1"
#define INFO_PASSPHRASE INFO " passphrase"
#define INFO_RECOVERY INFO " recovery"

enum { CALIBRATION_MEMORY = 64 * 1024, CALIBRATION_PASSES = 3, CALIBRATION_LANES = 4 };

int argon2_parameters_check(const struct argon2_parameters *p)
{
        return p->memory >= ARGON2_MEMORY_MIN && p->memory <= ARGON2_MEMORY_MAX && p->passes >= 1 &&
                               p->passes <= ARGON2_PASSES_MAX && p->lanes >= 1 && p->lanes <= ARGON2_LANES_MAX
                       ? 0
                       : -EINVAL;
}

/* Argon2id into KEY_DERIVATION_KEY_SIZE bytes of the input keying material. libargon2 wipes its own memory
 * (FLAG_clear_internal_memory is on by default); the factor it does not copy. */
static int stretch(const struct secret *factor, struct bytes salt, const struct argon2_parameters *p, uint8_t *out)
{
        argon2_context context = {
                .out = out,
                .outlen = KEY_DERIVATION_KEY_SIZE,
                .pwd = (uint8_t *) factor->data,
                .pwdlen = (uint32_t) factor->size,
                .salt = (uint8_t *) salt.data,
                .saltlen = (uint32_t) salt.size,
                .t_cost = p->passes,
                .m_cost = p->memory,
                .lanes = p->lanes,
                .threads = p->lanes,
                .version = ARGON2_VERSION_13,
        };

        switch (argon2_ctx(&context, Argon2_id)) {
        case ARGON2_OK:
                return 0;
        case ARGON2_MEMORY_ALLOCATION_ERROR:
        case ARGON2_THREAD_FAIL:
                return -ENOMEM;
        default:
                return -EINVAL;
        }
}

static int expand(struct bytes ikm, struct bytes salt, const char *purpose, struct bytes account, struct secret **out)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;

        write_fixed(&info, BYTES_STRING(purpose));
        write_fixed(&info, account);
        if (writer_finish(&info) < 0)
                return -ENOMEM;
        *out = hkdf_sha512(ikm, salt, writer_bytes(&info), KEY_DERIVATION_KEY_SIZE);
        return 0;
}

int key_derivation_recovery(const struct secret *code, struct bytes salt, struct bytes account, struct secret **out)
{
        if (code->size != RECOVERY_CODE_SIZE || salt.size != KEY_DERIVATION_SALT_SIZE)
                return -EINVAL;
        return expand(secret_bytes(code), salt, INFO_RECOVERY, account, out);
}

int key_derivation(const struct secret *face_secret, const struct secret *factor, struct bytes salt,
                   struct bytes account, const struct argon2_parameters *p, struct secret **out)
{
        size_t face = face_secret ? FACE_SECRET_SIZE : 0;
        _cleanup_secret_ struct secret *ikm = secret_new(face + KEY_DERIVATION_KEY_SIZE);
        int r;

        if ((face_secret && face_secret->size != FACE_SECRET_SIZE) || salt.size != KEY_DERIVATION_SALT_SIZE ||
            factor->size < FACTOR_SIZE_MIN || factor->size > FACTOR_SIZE_MAX || argon2_parameters_check(p) < 0)
                return -EINVAL;
        if (face_secret)
                memcpy(ikm->data, face_secret->data, FACE_SECRET_SIZE);
        r = stretch(factor, salt, p, ikm->data + face);
        return r < 0 ? r : expand(secret_bytes(ikm), salt, face_secret ? INFO : INFO_PASSPHRASE, account, out);
}

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* How long a derivation takes; UINT64_MAX if there is no memory for it. */
static uint64_t measure(const struct argon2_parameters *p)
{
        _cleanup_secret_ struct secret *factor = secret_new(FACTOR_SIZE_MIN), *result = secret_new(64);
        static const uint8_t salt[KEY_DERIVATION_SALT_SIZE];
        uint64_t start = now_usec();

        return stretch(factor, BYTES_OF(salt), p, result->data) < 0 ? UINT64_MAX : now_usec() - start;
}

bool argon2_memory_is_there(uint32_t memory)
{
        uint64_t whole = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE) / 1024;

        return memory <= ARGON2_MEMORY_MAX && memory <= whole / 4;
}

void argon2_calibrate(uint64_t target_usec, struct argon2_parameters *out)
{
        struct argon2_parameters p = { CALIBRATION_MEMORY, CALIBRATION_PASSES, CALIBRATION_LANES };

        while (p.memory > ARGON2_MEMORY_MIN && !argon2_memory_is_there(p.memory))
                p.memory /= 2;
        for (uint64_t taken = measure(&p); taken <= target_usec / 2 && argon2_memory_is_there(2 * p.memory);
             taken = measure(&p))
                p.memory *= 2;
        *out = p;
}
