#include "cryptod/mls/group_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void group_context_release(struct group_context *c)
{
        free(c->data);
        *c = (struct group_context){ 0 };
}

struct bytes group_context_bytes(const struct group_context *c)
{
        return BYTES(c->data, c->size);
}

/* Reads the views of a context; the version has its own error. */
static int read_views(struct reader *r, struct group_context *out)
{
        uint16_t version = read_u16(r);

        out->suite = suite_by_id(read_u16(r));
        if (!r->error && (version != PROTOCOL_MLS10 || !out->suite))
                return -EPROTONOSUPPORT;
        out->group_id = read_vector(r);
        out->epoch = read_u64(r);
        out->tree_hash = read_vector(r);
        out->confirmed_transcript_hash = read_vector(r);
        out->extensions = read_vector(r);
        if (extensions_check(out->extensions) < 0)
                reader_fail(r);
        return r->error;
}

int group_context_read(struct reader *r, struct group_context *out)
{
        struct reader start = *r, copy;
        struct group_context c = { 0 };
        int result = read_views(r, &c);

        if (result < 0)
                return result;
        c.size = reader_between(&start, r).size;
        c.data = malloc(c.size);
        if (!c.data)
                abort();
        memcpy(c.data, start.rest.data, c.size);
        reader_init(&copy, BYTES(c.data, c.size));
        read_views(&copy, &c);
        *out = c;
        return 0;
}

int group_context_make(const struct suite *s, struct bytes group_id, uint64_t epoch, struct bytes tree_hash,
                       struct bytes confirmed_transcript_hash, struct bytes extensions, struct group_context *out)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        struct reader r;

        write_u16(&w, PROTOCOL_MLS10);
        write_u16(&w, s->id);
        write_vector(&w, group_id);
        write_u64(&w, epoch);
        write_vector(&w, tree_hash);
        write_vector(&w, confirmed_transcript_hash);
        write_vector(&w, extensions);
        if (writer_finish(&w) < 0)
                return -EMSGSIZE;
        reader_init(&r, writer_bytes(&w));
        return group_context_read(&r, out);
}
