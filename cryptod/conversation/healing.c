/* See healing.h. */
#include "cryptod/conversation/healing.h"

#include <errno.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* A sealed row, bound to its conversation's id:
 *     struct { opaque arrivals<V>, erased<V>; uint64 cleared, asked; uint8 due, open; opaque answered<V>; }
 *
 * which ended with @due once. */

enum { ARRIVAL_SIZE = AUTHOR_SIZE + sizeof(uint64_t) };

void healing_release(struct healing *h)
{
        writer_release(&h->arrivals);
        writer_release(&h->erased);
        writer_release(&h->answered);
}

int healing_store(struct vault *v, struct bytes conversation, const struct healing *h)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        int r;

        write_vector(&plain, writer_bytes(&h->arrivals));
        write_vector(&plain, writer_bytes(&h->erased));
        write_u64(&plain, h->cleared);
        write_u64(&plain, h->asked);
        write_u8(&plain, h->due);
        write_u8(&plain, h->open);
        write_vector(&plain, writer_bytes(&h->answered));
        r = writer_finish(&plain);
        if (r >= 0)
                r = vault_seal(v, "healing", conversation, writer_bytes(&plain), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO healing VALUES (?, ?)", "bb",
                                   conversation, writer_bytes(&sealed));
}

int healing_load(struct vault *v, struct bytes conversation, struct healing *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *plain = NULL;
        struct reader reader;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM healing WHERE conversation = ?", "b",
                                conversation);

        *out = (struct healing){ 0 };
        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                r = vault_unseal(v, "healing", conversation, storage_column_bytes(s, 0), &plain);
        if (r < 0 || !plain)
                return r;
        reader_init(&reader, secret_bytes(plain));
        write_fixed(&out->arrivals, read_vector(&reader));
        write_fixed(&out->erased, read_vector(&reader));
        out->cleared = read_u64(&reader);
        out->asked = read_u64(&reader);
        out->due = read_u8(&reader) != 0;
        if (reader_more(&reader)) {
                out->open = read_u8(&reader) != 0;
                write_fixed(&out->answered, read_vector(&reader));
        }
        if (reader_finish(&reader) >= 0 && out->arrivals.size % ARRIVAL_SIZE == 0 &&
            out->erased.size % CONTENT_ID_SIZE == 0 && out->answered.size % AUTHOR_SIZE == 0)
                return 0;
        healing_release(out);
        return -EBADMSG;
}

uint64_t healing_arrival(const struct healing *h, struct bytes author)
{
        struct reader r;

        reader_init(&r, writer_bytes(&h->arrivals));
        while (reader_more(&r)) {
                struct bytes who = read_fixed(&r, AUTHOR_SIZE);
                uint64_t after = read_u64(&r);

                if (bytes_equal(who, author))
                        return after;
        }
        return 0;
}

void healing_note_arrival(struct healing *h, struct bytes author, uint64_t after)
{
        struct writer others = WRITER_INIT;
        struct reader r;

        reader_init(&r, writer_bytes(&h->arrivals));
        while (reader_more(&r)) {
                struct bytes one = read_fixed(&r, ARRIVAL_SIZE);

                if (one.size == ARRIVAL_SIZE && !bytes_equal(BYTES(one.data, AUTHOR_SIZE), author))
                        write_fixed(&others, one);
        }
        write_fixed(&others, author);
        write_u64(&others, after);
        writer_release(&h->arrivals);
        h->arrivals = others;
}

void healing_note_erased(struct healing *h, struct bytes content_id)
{
        struct writer kept = WRITER_INIT;
        struct bytes all = writer_bytes(&h->erased);

        if (content_id.size != CONTENT_ID_SIZE)
                return;
        if (all.size >= HEALING_ERASED_MAX * CONTENT_ID_SIZE)
                all = BYTES(all.data + CONTENT_ID_SIZE, all.size - CONTENT_ID_SIZE);
        write_fixed(&kept, all);
        write_fixed(&kept, content_id);
        writer_release(&h->erased);
        h->erased = kept;
}
