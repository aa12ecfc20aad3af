/* See contact.h. */
#include "cryptod/conversation/contact.h"

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to the conversation's id: struct { opaque verified<V>, offered<V>, welcome<V>, sealing<V>; }. One
 * that was stored before there were sealing keys ends before that. */

void contact_release(struct contact *k)
{
        writer_release(&k->verified);
        writer_release(&k->offered);
        writer_release(&k->welcome);
        writer_release(&k->sealing);
}

static int read_row(struct bytes content, struct contact *out)
{
        struct reader r;

        reader_init(&r, content);
        write_fixed(&out->verified, read_vector(&r));
        write_fixed(&out->offered, read_vector(&r));
        write_fixed(&out->welcome, read_vector(&r));
        if (reader_more(&r))
                write_fixed(&out->sealing, read_vector(&r));
        return reader_finish(&r);
}

int contact_load(struct vault *v, struct bytes conversation, struct contact *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *content = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM contact WHERE conversation = ?", "b",
                                conversation);

        *out = (struct contact){ 0 };
        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        r = vault_unseal(v, "contact", conversation, storage_column_bytes(s, 0), &content);
        if (r >= 0)
                r = read_row(secret_bytes(content), out);
        if (r < 0)
                contact_release(out);
        return r;
}

int contact_store(struct vault *v, struct bytes conversation, const struct contact *k)
{
        _cleanup_writer_ struct writer content = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_vector(&content, writer_bytes(&k->verified));
        write_vector(&content, writer_bytes(&k->offered));
        write_vector(&content, writer_bytes(&k->welcome));
        write_vector(&content, writer_bytes(&k->sealing));
        r = writer_finish(&content);
        if (r >= 0)
                r = vault_seal(v, "contact", conversation, writer_bytes(&content), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO contact VALUES (?, ?)", "bb",
                                   conversation, writer_bytes(&sealed));
}
