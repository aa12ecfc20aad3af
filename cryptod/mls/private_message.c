#include "cryptod/mls/private_message.h"

#include <errno.h>
#include <string.h>

#include "cryptod/mls/sender_data.h"
#include "services/seal.h"

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

int private_message_seal(const struct suite *s, struct secret_tree *tree, const struct secret *sender_data_secret,
                         const struct authenticated_content *a, size_t pad_to, struct writer *out)
{
        const struct framed_content *c = &a->content;
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT, aad = WRITER_INIT,
                                       sender = WRITER_INIT, sender_aad = WRITER_INIT;
        _cleanup_secret_ struct secret *key = NULL, *nonce = NULL, *guarded = NULL;
        struct sender_data data = { .leaf_index = c->sender };
        int r;

        framed_body_write(&plain, c->content_type, c->body);
        framed_content_auth_write(&plain, c->content_type, &a->auth);
        if (pad_to > 0 && plain.size % pad_to != 0) {
                size_t padding = pad_to - plain.size % pad_to;
                uint8_t *zeroes = writer_append(&plain, padding);

                if (zeroes)
                        memset(zeroes, 0, padding);
        }
        write_aad(&sender_aad, c->group_id, c->epoch, c->content_type);
        write_aad(&aad, c->group_id, c->epoch, c->content_type);
        write_vector(&aad, c->authenticated_data);
        if (writer_finish(&plain) < 0 || writer_finish(&aad) < 0)
                return -EMSGSIZE;
        r = secret_tree_next(tree, c->sender, ratchet_of(c->content_type), &data.generation, &key, &nonce);
        if (r < 0)
                return r;
        random_fill(data.reuse_guard, sizeof(data.reuse_guard));
        guarded = guarded_nonce(nonce, data.reuse_guard);
        r = suite_seal(s, key, guarded, writer_bytes(&aad), writer_bytes(&plain), &sealed);
        if (r >= 0)
                r = sender_data_seal(s, sender_data_secret, writer_bytes(&sender_aad), writer_bytes(&sealed), &data,
                                     &sender);
        if (r < 0)
                return r;
        write_aad(out, c->group_id, c->epoch, c->content_type);
        write_vector(out, c->authenticated_data);
        write_vector(out, writer_bytes(&sender));
        write_vector(out, writer_bytes(&sealed));
        return writer_finish(out);
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
