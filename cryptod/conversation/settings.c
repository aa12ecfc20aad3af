/* See settings.h. */
#include "cryptod/conversation/settings.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* Sealed rows, bound to the conversation:
 *     struct { uint32 lifetime; uint64 lifetime_time; opaque lifetime_id[32]; uint8 silent, marked_unread; }
 *     struct { opaque text<V>, replies_to<V>; }                                                       a draft */

static int put(struct vault *v, const char *table, const char *sql, struct bytes conversation, struct writer *plain)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = writer_finish(plain);

        if (r >= 0)
                r = vault_seal(v, table, conversation, writer_bytes(plain), &sealed);
        return r < 0 ? r : storage_run(vault_database(v), sql, "bb", conversation, writer_bytes(&sealed));
}

static int get(struct vault *v, const char *table, const char *sql, struct bytes conversation, struct secret **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, sql, "b", conversation);

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                r = vault_unseal(v, table, conversation, storage_column_bytes(s, 0), out);
        return r < 0 ? r : *out != NULL;
}

int settings_store(struct vault *v, struct bytes conversation, const struct settings *s)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT;

        write_u32(&plain, s->lifetime);
        write_u64(&plain, s->lifetime_time);
        write_fixed(&plain, BYTES_OF(s->lifetime_id));
        write_u8(&plain, s->silent);
        write_u8(&plain, s->marked_unread);
        return put(v, "setting", "INSERT OR REPLACE INTO setting VALUES (?, ?)", conversation, &plain);
}

int settings_load(struct vault *v, struct bytes conversation, struct settings *out)
{
        _cleanup_secret_ struct secret *plain = NULL;
        struct settings s = { 0 };
        struct reader r;
        struct bytes id;
        int found = get(v, "setting", "SELECT content FROM setting WHERE conversation = ?", conversation, &plain);

        if (found > 0) {
                reader_init(&r, secret_bytes(plain));
                s.lifetime = read_u32(&r);
                s.lifetime_time = read_u64(&r);
                id = read_fixed(&r, sizeof(s.lifetime_id));
                s.silent = read_u8(&r) != 0;
                s.marked_unread = read_u8(&r) != 0;
                if (reader_finish(&r) < 0)
                        return -EBADMSG;
                memcpy(s.lifetime_id, id.data, sizeof(s.lifetime_id));
        }
        if (found >= 0)
                *out = s;
        return found < 0 ? found : 0;
}

int draft_store(struct vault *v, struct bytes conversation, struct bytes text, struct bytes replies_to)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT;

        vault_forget(v);
        if (text.size == 0)
                return storage_run(vault_database(v), "DELETE FROM draft WHERE conversation = ?", "b", conversation);
        write_vector(&plain, text);
        write_vector(&plain, replies_to);
        return put(v, "draft", "INSERT OR REPLACE INTO draft VALUES (?, ?)", conversation, &plain);
}

int draft_load(struct vault *v, struct bytes conversation, struct secret **out, struct bytes *text,
               struct bytes *replies_to)
{
        struct reader r;
        int found = get(v, "draft", "SELECT content FROM draft WHERE conversation = ?", conversation, out);

        if (found <= 0)
                return found;
        reader_init(&r, secret_bytes(*out));
        *text = read_vector(&r);
        *replies_to = read_vector(&r);
        return reader_finish(&r) < 0 ? -EBADMSG : 1;
}
