/* See entrance.h. */
#include "cryptod/conversation/entrance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to its id:
 *     struct { uint8 why; uint64 expires; opaque key<V>, helpers<V>; uint64 asked; uint32 tries;
 *              opaque slot<V>, group_info<V>; uint64 membership; } */

struct entrance *entrance_free(struct entrance *e)
{
        if (!e)
                return NULL;
        secret_free(e->key);
        writer_release(&e->helpers);
        writer_release(&e->slot);
        writer_release(&e->group_info);
        free(e);
        return NULL;
}

int entrance_store(struct vault *v, const struct entrance *e)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_u8(&plain, (uint8_t) e->why);
        write_u64(&plain, e->expires);
        write_vector(&plain, e->key ? secret_bytes(e->key) : BYTES(NULL, 0));
        write_vector(&plain, writer_bytes(&e->helpers));
        write_u64(&plain, e->asked);
        write_u32(&plain, e->tries);
        write_vector(&plain, writer_bytes(&e->slot));
        write_vector(&plain, writer_bytes(&e->group_info));
        write_u64(&plain, (uint64_t) e->membership);
        r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "entrance", BYTES_OF(e->id), writer_bytes(&plain), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO entrance VALUES (?, ?)", "bb",
                                   BYTES_OF(e->id), writer_bytes(&sealed));
}

int entrance_erase(struct vault *v, const struct entrance *e)
{
        vault_forget(v);
        return storage_run(vault_database(v), "DELETE FROM entrance WHERE id = ?", "b", BYTES_OF(e->id));
}

static int read_row(struct vault *v, sqlite3_stmt *s, struct entrance *e)
{
        _cleanup_secret_ struct secret *plain = NULL;
        struct bytes id = storage_column_bytes(s, 0), key;
        struct reader r;
        int result;

        if (id.size != sizeof(e->id))
                return -EBADMSG;
        memcpy(e->id, id.data, id.size);
        result = vault_unseal(v, "entrance", id, storage_column_bytes(s, 1), &plain);
        if (result < 0)
                return result;
        reader_init(&r, secret_bytes(plain));
        e->why = (enum knock_reason) read_u8(&r);
        e->expires = read_u64(&r);
        key = read_vector(&r);
        e->key = key.size > 0 ? secret_copy(key) : NULL;
        write_fixed(&e->helpers, read_vector(&r));
        e->asked = read_u64(&r);
        e->tries = read_u32(&r);
        write_fixed(&e->slot, read_vector(&r));
        write_fixed(&e->group_info, read_vector(&r));
        e->membership = (int64_t) read_u64(&r);
        return reader_finish(&r) < 0 ? -EBADMSG : writer_finish(&e->group_info);
}

int entrances_load(struct vault *v, struct entrance **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct entrance *all = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT id, content FROM entrance", "");

        while (r >= 0 && (r = storage_step(s)) > 0) {
                struct entrance *e = calloc(1, sizeof(*e));

                if (!e)
                        abort();
                e->next = all;
                all = e;
                r = read_row(v, s, e);
        }
        while (r < 0 && all) {
                struct entrance *next = all->next;

                entrance_free(all);
                all = next;
        }
        if (r >= 0)
                *out = all;
        return r;
}
