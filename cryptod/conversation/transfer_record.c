/* See transfer_record.h. */
#include "cryptod/conversation/transfer_record.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

void transfer_record_release(struct transfer_record *t)
{
        t->plain = secret_free(t->plain);
}

static int write_plain(const struct transfer_record *t, struct writer *plain)
{
        _cleanup_writer_ struct writer part = WRITER_INIT;

        file_part_write(&t->part, &part);
        write_u8(plain, t->sends);
        write_u8(plain, t->whole);
        write_fixed(plain, BYTES_OF(t->conversation));
        write_u64(plain, t->message);
        write_vector(plain, t->caption);
        write_vector(plain, writer_bytes(&part));
        return writer_finish(&part) < 0 ? -ENOMEM : writer_finish(plain);
}

int transfer_record_store(struct vault *v, const struct transfer_record *t)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT, sealed = WRITER_INIT;
        int r = write_plain(t, &plain);

        if (r >= 0)
                r = vault_seal(v, "transfer", BYTES_OF(t->id), writer_bytes(&plain), &sealed);
        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO transfer VALUES (?, ?)", "bb",
                                   BYTES_OF(t->id), writer_bytes(&sealed));
}

int transfer_record_erase(struct vault *v, const uint8_t id[static TRANSFER_ID_SIZE])
{
        vault_forget(v);
        return storage_run(vault_database(v), "DELETE FROM transfer WHERE id = ?", "b", BYTES(id, TRANSFER_ID_SIZE));
}

static int read_plain(struct transfer_record *t)
{
        struct bytes conversation, part;
        struct reader r;

        reader_init(&r, secret_bytes(t->plain));
        t->sends = read_u8(&r) != 0;
        t->whole = read_u8(&r) != 0;
        conversation = read_fixed(&r, sizeof(t->conversation));
        t->message = read_u64(&r);
        t->caption = read_vector(&r);
        part = read_vector(&r);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        memcpy(t->conversation, conversation.data, conversation.size);
        return t->sends ? file_part_read_draft(part, &t->part) : file_part_read(part, &t->part);
}

int transfer_record_copy(const struct transfer_record *from, struct transfer_record *out)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        int r = write_plain(from, &plain);

        if (r < 0)
                return r;
        *out = (struct transfer_record){ .plain = secret_copy(writer_bytes(&plain)) };
        memcpy(out->id, from->id, sizeof(out->id));
        return read_plain(out);
}

static int read_row(struct vault *v, sqlite3_stmt *s, struct transfer_record *t)
{
        struct bytes id = storage_column_bytes(s, 0);
        int r;

        if (id.size != sizeof(t->id))
                return -EBADMSG;
        memcpy(t->id, id.data, id.size);
        r = vault_unseal(v, "transfer", id, storage_column_bytes(s, 1), &t->plain);
        return r < 0 ? r : read_plain(t);
}

int transfer_records_load(struct vault *v, int (*each)(struct transfer_record *t, void *userdata), void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT id, content FROM transfer", "");

        while (r >= 0 && (r = storage_step(s)) > 0) {
                struct transfer_record t = { 0 };

                r = read_row(v, s, &t);
                if (r >= 0)
                        r = each(&t, userdata);
                else
                        transfer_record_release(&t);
        }
        return r;
}
