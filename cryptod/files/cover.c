/* See cover.h. */
#include "cryptod/files/cover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/hpke.h"
#include "services/cleanup.h"
#include "services/seal.h"

#define LABEL "Visavis sealed file"

enum { VERSION = 1, KEYS = 2 };

static const uint8_t magic[8] = { 0x89, 'V', 'V', 'K', '\r', '\n', 0x1a, '\n' };

/* -- writing ------------------------------------------------------------------------------------------------------- */

static void write_accounts(struct writer *w, const struct cover_account *sealer, const struct cover_account *receiver)
{
        write_vector(w, sealer->address);
        write_vector(w, sealer->root_key);
        write_vector(w, receiver->address);
        write_vector(w, receiver->root_key);
}

static int write_tbs(struct writer *w, const struct cover_account *sealer, const struct cover_account *receiver,
                     struct bytes header)
{
        write_accounts(w, sealer, receiver);
        write_vector(w, header);
        return writer_finish(w);
}

static int write_content(const struct cover_request *q, struct writer *content)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT, signature = WRITER_INIT;
        int r = write_tbs(&tbs, &q->sealer, &q->receiver, q->header);

        if (r >= 0)
                r = suite_sign_with_label(q->suite, q->root_private_key, LABEL, writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_accounts(content, &q->sealer, &q->receiver);
        write_vector(content, writer_bytes(&signature));
        write_vector(content, secret_bytes(q->wrapping_key));
        return writer_finish(content);
}

static int encrypt(const struct cover_request *q, struct bytes public_key, struct bytes content, struct writer *out)
{
        _cleanup_writer_ struct writer kem_output = WRITER_INIT, ciphertext = WRITER_INIT;
        int r = hpke_encrypt_with_label(q->suite, public_key, LABEL, q->header, content, &kem_output, &ciphertext);

        if (r < 0)
                return r;
        write_vector(out, writer_bytes(&kem_output));
        write_vector(out, writer_bytes(&ciphertext));
        return writer_finish(out);
}

int cover_write(const struct cover_request *q, struct writer *out)
{
        _cleanup_writer_ struct writer content = WRITER_INIT, keys = WRITER_INIT, cover = WRITER_INIT;
        uint8_t hash[32];
        int r = write_content(q, &content);

        if (r >= 0)
                r = encrypt(q, q->receiver_key, writer_bytes(&content), &keys);
        if (r >= 0)
                r = encrypt(q, q->sealer_key, writer_bytes(&content), &keys);
        if (r < 0)
                return r;
        assert(keys.size <= UINT16_MAX); /* a few kilobytes, whatever the suite */
        write_fixed(&cover, BYTES_OF(magic));
        write_u8(&cover, VERSION);
        write_u16(&cover, q->suite->id);
        write_u16(&cover, (uint16_t) keys.size);
        write_fixed(&cover, writer_bytes(&keys));
        sha256(writer_bytes(&cover), hash);
        write_fixed(out, writer_bytes(&cover));
        write_fixed(out, BYTES(hash, COVER_CHECK_SIZE));
        return writer_finish(out);
}

/* -- keys ---------------------------------------------------------------------------------------------------------- */

struct cover_key *cover_key_new(const struct suite *s, struct cover_account account, struct bytes public_key,
                                const struct secret *private_key)
{
        struct cover_key *k = calloc(1, sizeof(*k));

        if (!k)
                abort();
        k->suite = s;
        write_fixed(&k->address, account.address);
        write_fixed(&k->root_key, account.root_key);
        write_fixed(&k->public_key, public_key);
        k->private_key = secret_copy(secret_bytes(private_key));
        return k;
}

void cover_key_expect(struct cover_key *k, struct cover_account from)
{
        write_fixed(&k->from_address, from.address);
        write_fixed(&k->from_root_key, from.root_key);
}

struct cover_key *cover_key_free(struct cover_key *k)
{
        if (!k)
                return NULL;
        writer_release(&k->address);
        writer_release(&k->root_key);
        writer_release(&k->public_key);
        writer_release(&k->from_address);
        writer_release(&k->from_root_key);
        secret_free(k->private_key);
        free(k);
        return NULL;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

bool cover_begins(struct bytes input)
{
        return input.size >= sizeof(magic) && bytes_equal(BYTES(input.data, sizeof(magic)), BYTES_OF(magic));
}

struct head {
        uint8_t version;
        uint16_t suite, size;
};

static int read_head(struct reader *r, struct head *out)
{
        if (!bytes_equal(read_fixed(r, sizeof(magic)), BYTES_OF(magic)))
                return SEALED_FILE_FOREIGN;
        out->version = read_u8(r);
        out->suite = read_u16(r);
        out->size = read_u16(r);
        if (r->error)
                return SEALED_FILE_CUT_OFF;
        return out->version == VERSION ? 0 : SEALED_FILE_NEWER;
}

int cover_size(struct bytes head, size_t *size)
{
        struct reader r;
        struct head h;
        int flaw;

        reader_init(&r, head);
        flaw = read_head(&r, &h);
        if (flaw == 0)
                *size = (size_t) COVER_HEAD_SIZE + h.size + COVER_CHECK_SIZE;
        return flaw;
}

void cover_content_release(struct cover_content *c)
{
        writer_release(&c->bytes);
        secret_free(c->wrapping_key);
        *c = (struct cover_content){ 0 };
}

/* Takes what was decrypted apart. The key goes where keys live. */
static int read_content(struct bytes plain, struct cover_content *c, struct bytes *signature)
{
        struct reader r, start;
        struct bytes key;

        reader_init(&r, plain);
        start = r;
        for (int i = 0; i < 5; i++) /* the accounts, and the signature */
                (void) read_vector(&r);
        write_fixed(&c->bytes, reader_between(&start, &r));
        key = read_vector(&r);
        if (reader_finish(&r) < 0 || writer_finish(&c->bytes) < 0 || key.size != SEALED_FILE_KEY_SIZE)
                return -EBADMSG;
        c->wrapping_key = secret_copy(key);
        reader_init(&r, writer_bytes(&c->bytes));
        c->sealer.address = read_vector(&r);
        c->sealer.root_key = read_vector(&r);
        c->receiver.address = read_vector(&r);
        c->receiver.root_key = read_vector(&r);
        *signature = read_vector(&r);
        return 0;
}

static bool is(const struct cover_account *a, const struct writer *address, const struct writer *root_key)
{
        return bytes_equal(a->address, writer_bytes(address)) && bytes_equal(a->root_key, writer_bytes(root_key));
}

static bool is_ours(const struct cover_key *k, const struct cover_account *a)
{
        return is(a, &k->address, &k->root_key);
}

/* Whoever was sent a file could send its key on as if the sealer had meant it for somebody else, but for the receiver's
 * name in the signature. */
static int check_content(const struct cover_key *k, const struct cover_content *c, struct bytes signature,
                         struct bytes header)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT;
        int r = is_ours(k, &c->sealer) || is_ours(k, &c->receiver) ? 0 : -EBADMSG;

        if (r >= 0)
                r = write_tbs(&tbs, &c->sealer, &c->receiver, header);
        return r < 0 ? r : suite_verify_with_label(k->suite, c->sealer.root_key, LABEL, writer_bytes(&tbs), signature);
}

static int open_key(const struct cover_key *k, struct bytes kem_output, struct bytes ciphertext, struct bytes header,
                    struct cover_content *out)
{
        _cleanup_(cover_content_release) struct cover_content c = { 0 };
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        struct bytes signature;
        int r = hpke_decrypt_with_label(k->suite, k->private_key, writer_bytes(&k->public_key), LABEL, header,
                                        kem_output, ciphertext, &plain);

        if (r >= 0)
                r = read_content(writer_bytes(&plain), &c, &signature);
        if (r >= 0)
                r = check_content(k, &c, signature, header);
        if (r < 0)
                return r;
        *out = c;
        c = (struct cover_content){ 0 };
        return 0;
}

int cover_open(const struct cover_key *k, struct bytes cover, struct bytes header, struct cover_content *out)
{
        struct reader r, start, keys;
        struct bytes checked, check;
        uint8_t hash[32];
        struct head h;
        int flaw, opened = -EBADMSG;

        reader_init(&r, cover);
        start = r;
        flaw = read_head(&r, &h);
        if (flaw != 0)
                return flaw;
        reader_init(&keys, read_fixed(&r, h.size));
        checked = reader_between(&start, &r);
        check = read_fixed(&r, COVER_CHECK_SIZE);
        if (reader_finish(&r) < 0)
                return SEALED_FILE_CUT_OFF;
        sha256(checked, hash);
        if (!bytes_equal(BYTES(hash, COVER_CHECK_SIZE), check))
                return SEALED_FILE_HEADER_DAMAGED;
        if (h.suite != k->suite->id)
                return SEALED_FILE_WRONG_KEY;
        for (int i = 0; i < KEYS && opened < 0; i++) {
                struct bytes kem_output = read_vector(&keys), ciphertext = read_vector(&keys);

                if (!keys.error)
                        opened = open_key(k, kem_output, ciphertext, header, out);
        }
        if (opened < 0)
                return SEALED_FILE_WRONG_KEY;
        if (k->from_address.size > 0 && !is(&out->sealer, &k->from_address, &k->from_root_key)) {
                cover_content_release(out);
                return SEALED_FILE_OTHER_SEALER;
        }
        return 0;
}
