#include "cryptod/vault/slot.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/seal.h"

enum { SLOT_VERSION = 1 };

static const char *const kind_names[] = {
        [SLOT_FACE_AND_FACTOR] = "face", [SLOT_RECOVERY] = "recovery", [SLOT_PASSPHRASE] = "passphrase"
};

const char *slot_kind_name(enum slot_kind kind)
{
        return kind_names[kind];
}

int slot_kind_by_name(const char *name, enum slot_kind *out)
{
        for (unsigned kind = SLOT_FACE_AND_FACTOR; kind < COUNT_OF(kind_names); kind++) {
                if (strcmp(kind_names[kind], name) == 0) {
                        *out = kind;
                        return 0;
                }
        }
        return -EINVAL;
}

static bool costs_are_good(const struct slot *s)
{
        const struct argon2_parameters *p = &s->parameters;

        if (s->kind == SLOT_RECOVERY)
                return p->memory == 0 && p->passes == 0 && p->lanes == 0;
        return argon2_parameters_check(p) >= 0;
}

int slot_read(struct reader *r, struct slot *out)
{
        struct reader start = *r;
        uint8_t version = read_u8(r);
        uint8_t kind = read_u8(r);
        struct slot s = { .kind = kind };

        if (!r->error && (version != SLOT_VERSION || kind < SLOT_FACE_AND_FACTOR || kind >= COUNT_OF(kind_names)))
                return -EPROTONOSUPPORT;
        s.label = read_vector(r);
        s.created = read_u64(r);
        s.parameters.memory = read_u32(r);
        s.parameters.passes = read_u32(r);
        s.parameters.lanes = read_u32(r);
        s.salt = read_fixed(r, KEY_DERIVATION_SALT_SIZE);
        s.head = reader_between(&start, r);
        s.wrapped_key = read_vector(r);
        if (s.label.size > SLOT_LABEL_MAX || !costs_are_good(&s) ||
            s.wrapped_key.size != VAULT_KEY_SIZE + SEAL_OVERHEAD)
                reader_fail(r);
        if (r->error)
                return r->error;
        *out = s;
        return 0;
}

/* What the wrapped key is bound to. */
static void write_associated(struct writer *w, struct bytes account, struct bytes head)
{
        write_vector(w, account);
        write_fixed(w, head);
}

static int derive(enum slot_kind kind, const struct secret *face_secret, const struct secret *factor, struct bytes salt,
                  struct bytes account, const struct argon2_parameters *p, struct secret **kek)
{
        if ((kind == SLOT_FACE_AND_FACTOR) != (face_secret != NULL))
                return -EINVAL;
        return kind == SLOT_RECOVERY ? key_derivation_recovery(factor, salt, account, kek)
                                     : key_derivation(face_secret, factor, salt, account, p, kek);
}

int slot_make(enum slot_kind kind, struct bytes account, struct bytes label, uint64_t created,
              const struct argon2_parameters *p, const struct secret *face_secret, const struct secret *factor,
              const struct secret *vault_key, struct writer *out)
{
        _cleanup_writer_ struct writer head = WRITER_INIT, associated = WRITER_INIT, wrapped = WRITER_INIT;
        _cleanup_secret_ struct secret *kek = NULL;
        const struct argon2_parameters costs = kind == SLOT_RECOVERY ? (struct argon2_parameters){ 0 } : *p;
        uint8_t salt[KEY_DERIVATION_SALT_SIZE];
        int r;

        if (label.size > SLOT_LABEL_MAX || vault_key->size != VAULT_KEY_SIZE)
                return -EINVAL;
        random_fill(salt, sizeof(salt));
        r = derive(kind, face_secret, factor, BYTES_OF(salt), account, &costs, &kek);
        if (r < 0)
                return r;
        write_u8(&head, SLOT_VERSION);
        write_u8(&head, (uint8_t) kind);
        write_vector(&head, label);
        write_u64(&head, created);
        write_u32(&head, costs.memory);
        write_u32(&head, costs.passes);
        write_u32(&head, costs.lanes);
        write_fixed(&head, BYTES_OF(salt));
        write_associated(&associated, account, writer_bytes(&head));
        r = seal(kek, writer_bytes(&associated), secret_bytes(vault_key), &wrapped);
        if (r < 0)
                return r;
        write_fixed(out, writer_bytes(&head));
        write_vector(out, writer_bytes(&wrapped));
        return writer_finish(out);
}

int slot_open(const struct slot *s, struct bytes account, const struct secret *face_secret, const struct secret *factor,
              struct secret **vault_key)
{
        _cleanup_writer_ struct writer associated = WRITER_INIT;
        _cleanup_secret_ struct secret *kek = NULL;
        int r = derive(s->kind, face_secret, factor, s->salt, account, &s->parameters, &kek);

        if (r < 0)
                return r;
        write_associated(&associated, account, s->head);
        r = unseal(kek, writer_bytes(&associated), s->wrapped_key, vault_key);
        return r == -EBADMSG ? -EKEYREJECTED : r;
}
