#include "cryptod/mls/framing.h"

#include <errno.h>

#include "services/cleanup.h"

struct bytes framed_body_read(struct reader *r, enum content_type type)
{
        struct proposal proposal;
        struct commit commit;

        switch (type) {
        case CONTENT_APPLICATION:
                return read_vector(r);
        case CONTENT_PROPOSAL:
                proposal_read(r, &proposal);
                return proposal.encoded;
        case CONTENT_COMMIT:
                commit_read(r, &commit);
                return commit.encoded;
        }
        reader_fail(r);
        return BYTES(NULL, 0);
}

static void write_body_head(struct writer *w, enum content_type type, size_t size)
{
        if (type == CONTENT_APPLICATION)
                write_varint(w, size <= UINT32_MAX ? (uint32_t) size : UINT32_MAX);
}

void framed_body_write(struct writer *w, enum content_type type, struct bytes body)
{
        write_body_head(w, type, body.size);
        write_fixed(w, body);
}

void framed_content_read(struct reader *r, struct framed_content *out)
{
        *out = (struct framed_content){ 0 };
        out->group_id = read_vector(r);
        out->epoch = read_u64(r);
        out->sender_type = (enum sender_type) read_u8(r);
        if (out->sender_type == SENDER_MEMBER || out->sender_type == SENDER_EXTERNAL)
                out->sender = read_u32(r);
        else if (out->sender_type != SENDER_NEW_MEMBER_PROPOSAL && out->sender_type != SENDER_NEW_MEMBER_COMMIT)
                reader_fail(r);
        out->authenticated_data = read_vector(r);
        out->content_type = (enum content_type) read_u8(r);
        out->body = framed_body_read(r, out->content_type);
}

/* What stands before the body's bytes, the length of application data included. */
static void write_head(struct writer *w, const struct framed_content *c)
{
        write_vector(w, c->group_id);
        write_u64(w, c->epoch);
        write_u8(w, (uint8_t) c->sender_type);
        if (c->sender_type == SENDER_MEMBER || c->sender_type == SENDER_EXTERNAL)
                write_u32(w, c->sender);
        write_vector(w, c->authenticated_data);
        write_u8(w, (uint8_t) c->content_type);
        write_body_head(w, c->content_type, c->body.size);
}

void framed_content_write(struct writer *w, const struct framed_content *c)
{
        write_head(w, c);
        write_fixed(w, c->body);
}

void framed_content_auth_read(struct reader *r, enum content_type type, struct framed_content_auth *out)
{
        *out = (struct framed_content_auth){ .signature = read_vector(r) };
        if (type == CONTENT_COMMIT)
                out->confirmation_tag = read_vector(r);
}

void framed_content_auth_write(struct writer *w, enum content_type type, const struct framed_content_auth *auth)
{
        write_vector(w, auth->signature);
        if (type == CONTENT_COMMIT)
                write_vector(w, auth->confirmation_tag);
}

void authenticated_content_read(struct reader *r, struct authenticated_content *out)
{
        out->wire_format = (enum wire_format) read_u16(r);
        framed_content_read(r, &out->content);
        framed_content_auth_read(r, out->content.content_type, &out->auth);
}

void authenticated_content_write(struct writer *w, const struct authenticated_content *a)
{
        write_u16(w, (uint16_t) a->wire_format);
        framed_content_write(w, &a->content);
        framed_content_auth_write(w, a->content.content_type, &a->auth);
}

static void write_tbs_head(struct writer *w, enum wire_format wire_format, const struct framed_content *c)
{
        write_u16(w, PROTOCOL_MLS10);
        write_u16(w, (uint16_t) wire_format);
        write_head(w, c);
}

/* Those inside the group sign its context as well. */
static struct bytes signed_context(const struct framed_content *c, struct bytes group_context)
{
        return c->sender_type == SENDER_MEMBER || c->sender_type == SENDER_NEW_MEMBER_COMMIT ? group_context
                                                                                             : BYTES(NULL, 0);
}

void framed_content_write_tbs(struct writer *w, enum wire_format wire_format, const struct framed_content *c,
                              struct bytes group_context)
{
        write_tbs_head(w, wire_format, c);
        write_fixed(w, c->body);
        write_fixed(w, signed_context(c, group_context));
}

int authenticated_content_sign(const struct signature_key *key, struct bytes group_context,
                               const struct authenticated_content *a, struct writer *signature)
{
        _cleanup_writer_ struct writer head = WRITER_INIT;

        write_tbs_head(&head, a->wire_format, &a->content);
        if (writer_finish(&head) < 0)
                return writer_finish(&head);

        struct bytes tbs[] = { writer_bytes(&head), a->content.body, signed_context(&a->content, group_context) };

        return signature_key_sign_pieces(key, "FramedContentTBS", (struct pieces){ tbs, COUNT_OF(tbs) }, signature);
}

int authenticated_content_verify(const struct suite *s, struct bytes public_key, struct bytes group_context,
                                 const struct authenticated_content *a)
{
        _cleanup_writer_ struct writer head = WRITER_INIT;

        write_tbs_head(&head, a->wire_format, &a->content);
        if (writer_finish(&head) < 0)
                return writer_finish(&head);

        struct bytes tbs[] = { writer_bytes(&head), a->content.body, signed_context(&a->content, group_context) };

        return suite_verify_pieces(s, public_key, "FramedContentTBS", (struct pieces){ tbs, COUNT_OF(tbs) },
                                   a->auth.signature);
}
