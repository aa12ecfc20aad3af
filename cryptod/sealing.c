/* See sealing.h. */
#include "cryptod/sealing.h"

#include <errno.h>

#include "services/seal.h"

static int own_key(struct account *a, struct secret **out)
{
        return vault_purpose_key(a->vault, "sealed files", out);
}

static struct cover_account account_of(const struct device *d)
{
        return (struct cover_account){ BYTES_STRING(d->places[0].address), writer_bytes(&d->root_key) };
}

int sealing_for_self(struct account *a, struct file_request *q)
{
        _cleanup_secret_ struct secret *key = NULL;
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        int r = own_key(a, &key);

        if (r < 0)
                return r;
        q->file = sealed_file_new(key, SEALED_FILE_KEY_ACCOUNT, BYTES(NULL, 0), header);
        write_fixed(&q->head, BYTES_OF(header));
        return writer_finish(&q->head);
}

int sealing_for_contact(struct account *a, const struct conversation *contact, struct file_request *q)
{
        _cleanup_secret_ struct secret *key = secret_random(SEALED_FILE_KEY_SIZE);
        _cleanup_writer_ struct writer receiver_key = WRITER_INIT;
        const struct device *d = messenger_device(a->messenger);
        uint8_t header[SEALED_FILE_HEADER_SIZE];
        int r = messenger_sealing_key(a->messenger, contact, &receiver_key);

        if (r < 0)
                return r;
        q->file = sealed_file_new(key, SEALED_FILE_KEY_COVER, BYTES(NULL, 0), header);
        const struct cover_request cover = {
                .suite = d->suite,
                .sealer = account_of(d),
                .receiver = { BYTES_STRING(contact->address), writer_bytes(&contact->root_key) },
                .sealer_key = writer_bytes(&d->sealing_key),
                .receiver_key = writer_bytes(&receiver_key),
                .root_private_key = d->root_private_key,
                .header = BYTES_OF(header),
                .wrapping_key = key,
        };
        r = cover_write(&cover, &q->head);
        write_fixed(&q->head, BYTES_OF(header));
        return r < 0 ? r : writer_finish(&q->head);
}

int sealing_to_open(struct account *a, const struct conversation *from, struct file_request *q)
{
        const struct device *d = messenger_device(a->messenger);

        q->cover_key = cover_key_new(d->suite, account_of(d), writer_bytes(&d->sealing_key), d->sealing_private_key);
        if (from)
                cover_key_expect(q->cover_key,
                                 (struct cover_account){ BYTES_STRING(from->address), writer_bytes(&from->root_key) });
        return own_key(a, &q->wrapping_key);
}

const char *sealing_acquaintance(struct account *a, const struct cover_account *sealer)
{
        static const char *const words[] = {
                [ACQUAINTANCE_SELF] = "self",         [ACQUAINTANCE_VERIFIED] = "verified",
                [ACQUAINTANCE_KNOWN] = "known",       [ACQUAINTANCE_OTHER_KEY] = "other-key",
                [ACQUAINTANCE_STRANGER] = "stranger",
        };
        enum acquaintance found;
        int r = messenger_acquaintance(a->messenger, sealer->address, sealer->root_key, &found);

        return words[r < 0 ? ACQUAINTANCE_STRANGER : found]; /* who cannot be looked up is not trusted */
}
