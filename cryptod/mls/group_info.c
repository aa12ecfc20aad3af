#include "cryptod/mls/group_info.h"

#include <errno.h>

void group_info_release(struct group_info *g)
{
        group_context_release(&g->context);
        *g = (struct group_info){ 0 };
}

int group_info_read(struct reader *r, struct group_info *out)
{
        struct reader start = *r;
        struct group_info g = { 0 };
        int result = group_context_read(r, &g.context);

        if (result < 0)
                return result;
        g.extensions = read_vector(r);
        if (extensions_check(g.extensions) < 0)
                reader_fail(r);
        g.confirmation_tag = read_vector(r);
        g.signer = read_u32(r);
        g.content = reader_between(&start, r);
        g.signature = read_vector(r);
        if (r->error) {
                group_info_release(&g);
                return r->error;
        }
        *out = g;
        return 0;
}

int group_info_verify(const struct group_info *g, struct bytes signature_key)
{
        return suite_verify_with_label(g->context.suite, signature_key, "GroupInfoTBS", g->content, g->signature);
}

int group_info_write(const struct group_context *c, struct bytes extensions, struct bytes confirmation_tag,
                     uint32_t signer, const struct signature_key *signature_key, struct writer *out)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT, signature = WRITER_INIT;
        int r;

        write_fixed(&tbs, group_context_bytes(c));
        write_vector(&tbs, extensions);
        write_vector(&tbs, confirmation_tag);
        write_u32(&tbs, signer);
        r = writer_finish(&tbs);
        if (r >= 0)
                r = signature_key_sign_with_label(signature_key, "GroupInfoTBS", writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_fixed(out, writer_bytes(&tbs));
        write_vector(out, writer_bytes(&signature));
        return writer_finish(out);
}
