/* See keeping.h. */
#include "cryptod/conversation/keeping.h"

#include <errno.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A setting (settings.h), bound to struct { opaque keep[4] = "keep"; opaque conversation<0..16>; }:
 *     struct { uint32 days, messages; } */
static void write_key(struct bytes conversation, struct writer *w)
{
        write_fixed(w, BYTES_STRING("keep"));
        write_fixed(w, conversation);
}

int keeping_store(struct vault *v, struct bytes conversation, const struct keeping *k)
{
        _cleanup_writer_ struct writer key = WRITER_INIT, plain = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_key(conversation, &key);
        write_u32(&plain, k->days);
        write_u32(&plain, k->messages);
        if (writer_finish(&key) < 0 || writer_finish(&plain) < 0)
                return -ENOMEM;
        r = vault_seal(v, "setting", writer_bytes(&key), writer_bytes(&plain), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO setting VALUES (?, ?)", "bb",
                                   writer_bytes(&key), writer_bytes(&sealed));
}

int keeping_erase(struct vault *v, struct bytes conversation)
{
        _cleanup_writer_ struct writer key = WRITER_INIT;

        write_key(conversation, &key);
        return writer_finish(&key) < 0 ? -ENOMEM
                                       : storage_run(vault_database(v), "DELETE FROM setting WHERE conversation = ?",
                                                     "b", writer_bytes(&key));
}

/* 1: and it is @out; 0: there is none. */
static int load(struct vault *v, struct bytes conversation, struct keeping *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_writer_ struct writer key = WRITER_INIT;
        _cleanup_secret_ struct secret *plain = NULL;
        struct reader in;
        int r;

        write_key(conversation, &key);
        r = writer_finish(&key);
        if (r >= 0)
                r = storage_prepare(vault_database(v), &s, "SELECT content FROM setting WHERE conversation = ?", "b",
                                    writer_bytes(&key));
        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                r = vault_unseal(v, "setting", writer_bytes(&key), storage_column_bytes(s, 0), &plain);
        if (r < 0 || !plain)
                return r;
        reader_init(&in, secret_bytes(plain));
        out->days = read_u32(&in);
        out->messages = read_u32(&in);
        return reader_finish(&in) < 0 ? -EBADMSG : 1;
}

int keeping_load(struct vault *v, struct bytes conversation, struct keeping *out)
{
        struct keeping k = { 0 };
        int own = conversation.size > 0 ? load(v, conversation, &k) : 0;
        int r = own == 0 ? load(v, BYTES(NULL, 0), &k) : own;

        if (r >= 0)
                *out = k;
        return r < 0 ? r : own;
}
