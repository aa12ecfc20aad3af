#include "cryptod/mls/welcome.h"

#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/hpke.h"
#include "cryptod/mls/key_schedule.h"
#include "cryptod/mls/parallel.h"
#include "services/cleanup.h"

void group_secrets_release(struct group_secrets *g)
{
        secret_free(g->joiner_secret);
        secret_free(g->path_secret);
        writer_release(&g->plain);
        *g = (struct group_secrets){ 0 };
}

static void encrypted_group_secrets_read(struct reader *r, struct bytes *ref, struct bytes *kem_output,
                                         struct bytes *ciphertext)
{
        *ref = read_vector(r);
        *kem_output = read_vector(r);
        *ciphertext = read_vector(r);
}

int welcome_read(struct reader *r, struct welcome *out)
{
        struct bytes ref, kem_output, ciphertext;
        struct reader list;

        out->suite = suite_by_id(read_u16(r));
        if (!r->error && !out->suite)
                return -EPROTONOSUPPORT;
        list = read_vector_open(r);
        out->secrets = list.rest;
        while (reader_more(&list))
                encrypted_group_secrets_read(&list, &ref, &kem_output, &ciphertext);
        reader_close_vector(r, &list);
        out->encrypted_group_info = read_vector(r);
        return r->error;
}

/* struct GroupSecrets, from what was decrypted. */
static int group_secrets_read(const struct suite *s, struct group_secrets *g)
{
        struct bytes joiner_secret, path_secret = { 0 };
        struct reader r, list;
        bool has_path;

        reader_init(&r, writer_bytes(&g->plain));
        joiner_secret = read_vector(&r);
        has_path = read_optional(&r);
        if (has_path)
                path_secret = read_vector(&r);
        list = read_vector_open(&r);
        g->psks = list.rest;
        while (reader_more(&list)) {
                struct psk_id id;

                psk_id_read(&list, &id);
        }
        reader_close_vector(&r, &list);
        if (reader_finish(&r) < 0 || joiner_secret.size != s->hash_size ||
            (has_path && path_secret.size != s->hash_size))
                return -EBADMSG;
        g->joiner_secret = secret_copy(joiner_secret);
        g->path_secret = has_path ? secret_copy(path_secret) : NULL;
        return 0;
}

int welcome_open_secrets(const struct welcome *w, struct bytes ref, const struct secret *init_key,
                         struct group_secrets *out)
{
        struct group_secrets g = { 0 };
        struct reader list;

        reader_init(&list, w->secrets);
        while (reader_more(&list)) {
                struct bytes this_ref, kem_output, ciphertext;
                int r;

                encrypted_group_secrets_read(&list, &this_ref, &kem_output, &ciphertext);
                if (!bytes_equal(this_ref, ref))
                        continue;
                r = hpke_decrypt_with_label(w->suite, init_key, BYTES(NULL, 0), "Welcome", w->encrypted_group_info,
                                            kem_output, ciphertext, &g.plain);
                if (r >= 0)
                        r = group_secrets_read(w->suite, &g);
                if (r < 0) {
                        group_secrets_release(&g);
                        return r;
                }
                *out = g;
                return 0;
        }
        return -ENOENT;
}

/* Key and nonce of the encrypted GroupInfo. */
static void welcome_keys(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                         struct secret **key, struct secret **nonce)
{
        _cleanup_secret_ struct secret *secret = key_schedule_welcome(s, joiner_secret, psk_secret);

        *key = suite_expand_with_label(s, secret, "key", BYTES(NULL, 0), s->aead_key_size);
        *nonce = suite_expand_with_label(s, secret, "nonce", BYTES(NULL, 0), SUITE_NONCE_SIZE);
}

int welcome_open_group_info(const struct welcome *w, const struct secret *joiner_secret,
                            const struct secret *psk_secret, struct writer *plain, struct group_info *out)
{
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL;
        struct group_info g;
        struct reader reader;
        int r;

        welcome_keys(w->suite, joiner_secret, psk_secret, &key, &nonce);
        r = suite_open(w->suite, key, nonce, BYTES(NULL, 0), w->encrypted_group_info, plain);
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(plain));
        r = group_info_read(&reader, &g);
        if (r < 0)
                return r;
        if (reader_finish(&reader) < 0 || g.context.suite != w->suite) {
                group_info_release(&g);
                return -EBADMSG;
        }
        *out = g;
        return 0;
}

/* What all recipients share, and the EncryptedGroupSecrets of each. */
struct welcome_seals {
        const struct suite *suite;
        const struct secret *joiner_secret;
        struct bytes psks, encrypted_group_info;
        const struct welcome_recipient *recipients;
        struct welcome_seal {
                struct writer kem_output, ciphertext;
                int result;
        } * items;
        size_t count;
};

static void welcome_seals_release(struct welcome_seals *w)
{
        for (size_t i = 0; i < w->count; i++) {
                writer_release(&w->items[i].kem_output);
                writer_release(&w->items[i].ciphertext);
        }
        free(w->items);
}

static void seal_one(void *userdata, size_t index)
{
        const struct welcome_seals *all = userdata;
        const struct welcome_recipient *recipient = &all->recipients[index];
        struct welcome_seal *w = &all->items[index];
        _cleanup_writer_ struct writer plain = WRITER_INIT;

        write_vector(&plain, secret_bytes(all->joiner_secret));
        write_optional(&plain, recipient->path_secret != NULL);
        if (recipient->path_secret)
                write_vector(&plain, secret_bytes(recipient->path_secret));
        write_vector(&plain, all->psks);
        w->result = writer_finish(&plain);
        if (w->result >= 0)
                w->result =
                        hpke_encrypt_with_label(all->suite, recipient->init_key, "Welcome", all->encrypted_group_info,
                                                writer_bytes(&plain), &w->kem_output, &w->ciphertext);
}

int welcome_write(const struct suite *s, const struct secret *joiner_secret, const struct secret *psk_secret,
                  struct bytes psks, struct bytes group_info, const struct welcome_recipient *recipients, size_t count,
                  unsigned threads, struct writer *out)
{
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL;
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        size_t mark;
        int r;

        welcome_keys(s, joiner_secret, psk_secret, &key, &nonce);
        r = suite_seal(s, key, nonce, BYTES(NULL, 0), group_info, &sealed);
        if (r < 0)
                return r;
        _cleanup_(welcome_seals_release) struct welcome_seals seals = {
                s,    joiner_secret, psks, writer_bytes(&sealed), recipients, calloc(count + 1, sizeof(*seals.items)),
                count
        };

        if (!seals.items)
                abort();
        parallel_for(threads, count, seal_one, &seals);
        write_u16(out, s->id);
        mark = writer_open_vector(out);
        for (size_t i = 0; i < count; i++) {
                if (seals.items[i].result < 0)
                        return seals.items[i].result;
                write_vector(out, recipients[i].key_package_ref);
                write_vector(out, writer_bytes(&seals.items[i].kem_output));
                write_vector(out, writer_bytes(&seals.items[i].ciphertext));
        }
        writer_close_vector(out, mark);
        write_vector(out, writer_bytes(&sealed));
        return writer_finish(out);
}
