#include "cryptod/vault/slot.h"

#include <errno.h>

#include "services/cleanup.h"
#include "services/seal.h"

enum { SLOT_VERSION = 1 };

int slot_read(struct reader *r, struct slot *out)
{
        struct reader start = *r;
        uint8_t version = read_u8(r);
        struct slot s = { .kind = read_u8(r) };

        if (!r->error && (version != SLOT_VERSION || s.kind != SLOT_FACE_AND_FACTOR))
                return -EPROTONOSUPPORT;
        s.label = read_vector(r);
        s.created = read_u64(r);
        s.parameters.memory = read_u32(r);
        s.parameters.passes = read_u32(r);
        s.parameters.lanes = read_u32(r);
        s.salt = read_fixed(r, KEY_DERIVATION_SALT_SIZE);
        s.head = reader_between(&start, r);
        s.wrapped_key = read_vector(r);
        if (s.label.size > SLOT_LABEL_MAX || argon2_parameters_check(&s.parameters) < 0 ||
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

int slot_make(struct bytes account, struct bytes label, uint64_t created, const struct argon2_parameters *p,
              const struct secret *face_secret, const struct secret *factor, const struct secret *vault_key,
              struct writer *out)
{
        _cleanup_writer_ struct writer head = WRITER_INIT, associated = WRITER_INIT, wrapped = WRITER_INIT;
        _cleanup_secret_ struct secret *kek = NULL;
        uint8_t salt[KEY_DERIVATION_SALT_SIZE];
        int r;

        if (label.size > SLOT_LABEL_MAX || vault_key->size != VAULT_KEY_SIZE)
                return -EINVAL;
        random_fill(salt, sizeof(salt));
        r = key_derivation(face_secret, factor, BYTES_OF(salt), account, p, &kek);
        if (r < 0)
                return r;
        write_u8(&head, SLOT_VERSION);
        write_u8(&head, SLOT_FACE_AND_FACTOR);
        write_vector(&head, label);
        write_u64(&head, created);
        write_u32(&head, p->memory);
        write_u32(&head, p->passes);
        write_u32(&head, p->lanes);
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
        int r = key_derivation(face_secret, factor, s->salt, account, &s->parameters, &kek);

        if (r < 0)
                return r;
        write_associated(&associated, account, s->head);
        r = unseal(kek, writer_bytes(&associated), s->wrapped_key, vault_key);
        return r == -EBADMSG ? -EKEYREJECTED : r;
}
