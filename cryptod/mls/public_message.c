#include "cryptod/mls/public_message.h"

#include <errno.h>

/* AuthenticatedContentTBM and its MAC. */
static int membership_tag_of(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                             const struct authenticated_content *a, uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer tbm = WRITER_INIT;
        int r;

        framed_content_write_tbs(&tbm, a->wire_format, &a->content, group_context);
        framed_content_auth_write(&tbm, a->content.content_type, &a->auth);
        r = writer_finish(&tbm);
        if (r < 0)
                return r;
        suite_mac(s, secret_bytes(membership_key), writer_bytes(&tbm), out);
        return 0;
}

int public_message_write(const struct suite *s, const struct secret *membership_key, struct bytes group_context,
                         const struct authenticated_content *a, struct writer *out)
{
        uint8_t tag[SUITE_HASH_MAX];
        int r;

        if (a->content.content_type == CONTENT_APPLICATION)
                return -EPERM;
        framed_content_write(out, &a->content);
        framed_content_auth_write(out, a->content.content_type, &a->auth);
        if (a->content.sender_type == SENDER_MEMBER) {
                r = membership_tag_of(s, membership_key, group_context, a, tag);
                if (r < 0)
                        return r;
                write_vector(out, BYTES(tag, s->hash_size));
        }
        return writer_finish(out);
}

int public_message_read(struct reader *r, struct authenticated_content *out, struct bytes *membership_tag)
{
        *membership_tag = BYTES(NULL, 0);
        out->wire_format = WIRE_FORMAT_PUBLIC_MESSAGE;
        framed_content_read(r, &out->content);
        framed_content_auth_read(r, out->content.content_type, &out->auth);
        if (out->content.sender_type == SENDER_MEMBER)
                *membership_tag = read_vector(r);
        return reader_finish(r);
}

int public_message_check_membership(const struct suite *s, const struct secret *membership_key,
                                    struct bytes group_context, const struct authenticated_content *a,
                                    struct bytes membership_tag)
{
        uint8_t tag[SUITE_HASH_MAX];
        int r = membership_tag_of(s, membership_key, group_context, a, tag);

        if (r < 0)
                return r;
        return secret_equal(BYTES(tag, s->hash_size), membership_tag) ? 0 : -EBADMSG;
}
