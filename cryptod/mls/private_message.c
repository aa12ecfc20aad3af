#include "cryptod/mls/private_message.h"

#include <errno.h>
#include <string.h>

#include "cryptod/mls/sender_data.h"
#include "services/seal.h"

/* More than a signature, a confirmation tag, the tag and all lengths take. */
enum { ENVELOPE_MAX = 512 };

static enum ratchet_type ratchet_of(enum content_type type)
{
        return type == CONTENT_APPLICATION ? RATCHET_APPLICATION : RATCHET_HANDSHAKE;
}

/* SenderDataAAD, which is also how PrivateContentAAD begins. */
static void write_aad(struct writer *w, struct bytes group_id, uint64_t epoch, enum content_type type)
{
        write_vector(w, group_id);
        write_u64(w, epoch);
        write_u8(w, (uint8_t) type);
}

/* A nonce with the reuse guard mixed in: should a state ever be used twice, two messages still hardly share a nonce
 * (§6.3.1). */
static struct secret *guarded_nonce(const struct secret *nonce, const uint8_t guard[static REUSE_GUARD_SIZE])
{
        struct secret *guarded = secret_copy(secret_bytes(nonce));

        for (unsigned i = 0; i < REUSE_GUARD_SIZE; i++)
                guarded->data[i] ^= guard[i];
        return guarded;
}

static void write_plain(struct writer *w, const struct authenticated_content *a, size_t pad_to)
{
        size_t start = w->size, rest;

        framed_body_write(w, a->content.content_type, a->content.body);
        framed_content_auth_write(w, a->content.content_type, &a->auth);
        rest = pad_to > 0 ? (w->size - start) % pad_to : 0;
        if (rest > 0) {
                uint8_t *zeroes = writer_append(w, pad_to - rest);

                if (zeroes)
                        memset(zeroes, 0, pad_to - rest);
        }
}

int private_message_seal(const struct suite *s, struct secret_tree *tree, const struct secret *sender_data_secret,
                         const struct authenticated_content *a, size_t pad_to, struct writer *out)
{
        const struct framed_content *c = &a->content;
        _cleanup_writer_ struct writer aad = WRITER_INIT, sender_aad = WRITER_INIT, sender = WRITER_INIT;
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL, *guarded = NULL;
        struct sender_data data = { .leaf_index = c->sender };
        size_t sender_mark, mark, size;
        int r;

        write_aad(&sender_aad, c->group_id, c->epoch, c->content_type);
        write_aad(&aad, c->group_id, c->epoch, c->content_type);
        write_vector(&aad, c->authenticated_data);
        if (writer_finish(&aad) < 0)
                return -EMSGSIZE;
        r = secret_tree_next(tree, c->sender, ratchet_of(c->content_type), &data.generation, &key, &nonce);
        if (r < 0)
                return r;
        random_fill(data.reuse_guard, sizeof(data.reuse_guard));
        guarded = guarded_nonce(nonce, data.reuse_guard);
        /* In place, so that a large body is copied once. What is authenticated is how the message begins. */
        writer_reserve(out, aad.size + c->body.size + pad_to + ENVELOPE_MAX);
        write_fixed(out, writer_bytes(&aad));
        sender_mark = out->size + 1; /* behind its length */
        write_vector(out, BYTES_OF(((uint8_t[SEALED_SENDER_DATA_SIZE]){ 0 })));
        mark = writer_open_vector(out);
        write_plain(out, a, pad_to);
        writer_append(out, SUITE_TAG_SIZE);
        size = out->size - mark;
        writer_close_vector(out, mark);
        if (writer_finish(out) < 0)
                return -EMSGSIZE;
        suite_seal_in_place(s, key, guarded, writer_bytes(&aad), out->data + out->size - size, size - SUITE_TAG_SIZE);
        r = sender_data_seal(s, sender_data_secret, writer_bytes(&sender_aad),
                             BYTES(out->data + out->size - size, size), &data, &sender);
        if (r >= 0)
                memcpy(out->data + sender_mark, sender.data, SEALED_SENDER_DATA_SIZE);
        return r;
}

int private_message_read(struct reader *r, struct private_message *out)
{
        out->group_id = read_vector(r);
        out->epoch = read_u64(r);
        out->content_type = (enum content_type) read_u8(r);
        out->authenticated_data = read_vector(r);
        out->encrypted_sender_data = read_vector(r);
        out->ciphertext = read_vector(r);
        if (out->content_type < CONTENT_APPLICATION || out->content_type > CONTENT_COMMIT)
                reader_fail(r);
        return reader_finish(r);
}

/* Takes the plaintext apart; whatever follows the authentication must be zeroes. */
static int read_plain(const struct private_message *m, struct opened_message *out)
{
        struct authenticated_content *a = &out->content;
        struct reader r;

        reader_init(&r, writer_bytes(&out->plain));
        a->content.body = framed_body_read(&r, m->content_type);
        framed_content_auth_read(&r, m->content_type, &a->auth);
        while (reader_more(&r))
                if (read_u8(&r) != 0)
                        reader_fail(&r);
        return reader_finish(&r);
}

int private_message_open(const struct suite *s, struct secret_tree *tree, const struct secret *sender_data_secret,
                         const struct private_message *m, struct opened_message *out)
{
        _cleanup_writer_ struct writer aad = WRITER_INIT, sender_aad = WRITER_INIT;
        _cleanup_secret_ struct secret *guarded = NULL;
        const struct secret *key, *nonce;
        struct sender_data data;
        int r;

        *out = (struct opened_message){ 0 };
        write_aad(&sender_aad, m->group_id, m->epoch, m->content_type);
        write_aad(&aad, m->group_id, m->epoch, m->content_type);
        write_vector(&aad, m->authenticated_data);
        if (writer_finish(&aad) < 0)
                return -EMSGSIZE;
        r = sender_data_open(s, sender_data_secret, writer_bytes(&sender_aad), m->ciphertext, m->encrypted_sender_data,
                             &data);
        if (r >= 0)
                r = secret_tree_peek(tree, data.leaf_index, ratchet_of(m->content_type), data.generation, &key, &nonce);
        if (r < 0)
                return r;
        guarded = guarded_nonce(nonce, data.reuse_guard);
        r = suite_open(s, key, guarded, writer_bytes(&aad), m->ciphertext, &out->plain);
        if (r >= 0)
                r = read_plain(m, out);
        if (r < 0) {
                writer_release(&out->plain);
                return r;
        }
        out->generation = data.generation;
        out->content.wire_format = WIRE_FORMAT_PRIVATE_MESSAGE;
        out->content.content.group_id = m->group_id;
        out->content.content.epoch = m->epoch;
        out->content.content.sender_type = SENDER_MEMBER;
        out->content.content.sender = data.leaf_index;
        out->content.content.authenticated_data = m->authenticated_data;
        out->content.content.content_type = m->content_type;
        return 0;
}

void private_message_consume(struct secret_tree *tree, const struct opened_message *m)
{
        secret_tree_consume(tree, m->content.content.sender, ratchet_of(m->content.content.content_type),
                            m->generation);
}
