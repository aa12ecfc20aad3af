/* See unsent.h. */
#include "cryptod/conversation/unsent.h"

#include <errno.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to struct { opaque conversation<V>; uint64 message; }: the content. */

void unsent_release(struct unsent *u)
{
        secret_free(u->plain);
        *u = (struct unsent){ 0 };
}

static void write_row(struct bytes conversation, uint64_t message, struct writer *w)
{
        write_vector(w, conversation);
        write_u64(w, message);
}

int unsent_add(struct vault *v, struct bytes conversation, uint64_t message, struct bytes content)
{
        _cleanup_writer_ struct writer row = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_row(conversation, message, &row);
        r = vault_seal(v, "unsent", writer_bytes(&row), content, &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT INTO unsent VALUES (NULL, ?, NULLIF(?, 0), ?)", "bib",
                                   conversation, (int64_t) message, writer_bytes(&sealed));
}

int unsent_next(struct vault *v, struct bytes conversation, struct unsent *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_writer_ struct writer row = WRITER_INIT;
        struct unsent u = { 0 };
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT number, message, content FROM unsent WHERE conversation = ? ORDER BY number"
                                " LIMIT 1",
                                "b", conversation);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        u.number = (uint64_t) storage_column_integer(s, 0);
        u.message = (uint64_t) storage_column_integer(s, 1);
        write_row(conversation, u.message, &row);
        r = storage_column_bytes(s, 2).size == 0
                    ? 0
                    : vault_unseal(v, "unsent", writer_bytes(&row), storage_column_bytes(s, 2), &u.plain);
        if (r < 0 && r != -EBADMSG)
                return r;
        u.damaged = r < 0;
        u.content = secret_bytes(u.plain);
        *out = u;
        return 1;
}

int unsent_remove(struct vault *v, uint64_t number)
{
        vault_forget(v);
        return storage_run(vault_database(v), "DELETE FROM unsent WHERE number = ?", "i", (int64_t) number);
}

int unsent_remove_message(struct vault *v, uint64_t message)
{
        vault_forget(v);
        return storage_run(vault_database(v), "DELETE FROM unsent WHERE message = ?", "i", (int64_t) message);
}
