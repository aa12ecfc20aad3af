/* A slot: the vault key, wrapped under the key that one set of factors gives, as LUKS has them. Opening any slot opens
 * the vault; taking a slot away takes those factors away. A kind that is not known here (a security key's, a TPM's) is
 * no error of the vault: the slot stays where it is, and others open it.
 *
 *     struct {
 *         uint8 version = 1;
 *         uint8 kind;                                      1: face and PIN or passphrase; 2: recovery code; 3:
 * passphrase alone; 4: face and security key, 5: face and TPM (reserved) opaque label<V>; UTF-8, at most 64 bytes
 *         uint64 created;                                  microseconds since 1970
 *         uint32 memory, passes, lanes;                    of Argon2id; 0 in a recovery code's slot
 *         opaque salt[32];
 *         opaque wrapped_key<V>;                           services/seal.h; bound to the account and to all of the
 * above } Slot;                                                                                    (RFC 9420 §2.1's
 * notation) */
#pragma once

#include "cryptod/vault/key_derivation.h"

enum slot_kind { SLOT_FACE_AND_FACTOR = 1, SLOT_RECOVERY = 2, SLOT_PASSPHRASE = 3 };

enum { SLOT_LABEL_MAX = 64, VAULT_KEY_SIZE = 32 };

/* On the bus: face, recovery, passphrase. By name: -EINVAL for another one. */
const char *slot_kind_name(enum slot_kind kind);
int slot_kind_by_name(const char *name, enum slot_kind *out);

struct slot {
        enum slot_kind kind;
        struct bytes label;
        uint64_t created;
        struct argon2_parameters parameters;
        struct bytes salt, wrapped_key;
        struct bytes head; /* all that stands before wrapped_key */
};

/* Reads one, as views. -EBADMSG, -EPROTONOSUPPORT for another version or kind. */
int slot_read(struct reader *r, struct slot *out);

/* Appends a slot that wraps @vault_key (VAULT_KEY_SIZE bytes). @face_secret: NULL for a kind without a face. @factor: a
 * recovery code's bytes for SLOT_RECOVERY, where @p is not used. Blocks as key_derivation() does, with its errors; and
 * -EINVAL for a label that is too long. */
int slot_make(enum slot_kind kind, struct bytes account, struct bytes label, uint64_t created,
              const struct argon2_parameters *p, const struct secret *face_secret, const struct secret *factor,
              const struct secret *vault_key, struct writer *out);

/* Unwraps the vault key. Blocks. -EKEYREJECTED if the factors do not open it (or anything in the slot was changed,
 * which cannot be told from it), else as key_derivation(). */
int slot_open(const struct slot *s, struct bytes account, const struct secret *face_secret, const struct secret *factor,
              struct secret **vault_key);
