/* See group_disk.h. */
#include "cryptod/conversation/group_disk.h"

#include <errno.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

struct group_disk {
        struct vault *vault;
        int64_t id;
};

/* What the content of a part is bound to: struct { int64 membership; opaque part[]; } */
static void write_place(const struct group_disk *d, struct bytes part, struct writer *w)
{
        write_u64(w, (uint64_t) d->id);
        write_fixed(w, part);
}

static int put_sealed(const struct group_disk *d, struct bytes part, struct bytes place, struct bytes content)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = vault_seal(d->vault, "group_part", place, content, &sealed);

        return r < 0 ? r
                     : storage_run(vault_database(d->vault), "INSERT OR REPLACE INTO group_part VALUES (?, ?, NULL, ?)",
                                   "ibb", d->id, part, writer_bytes(&sealed));
}

static int put_cell(const struct group_disk *d, struct bytes part, struct bytes place, struct bytes content)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int64_t cell;
        int r = storage_prepare(vault_database(d->vault), &s,
                                "SELECT cell FROM group_part WHERE membership = ? AND id = ?", "ib", d->id, part);

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                return vault_cell_write(d->vault, storage_column_integer(s, 0), place, content);
        if (r >= 0)
                r = vault_cell_new(d->vault, place, content, &cell);
        return r < 0 ? r
                     : storage_run(vault_database(d->vault), "INSERT INTO group_part VALUES (?, ?, ?, NULL)", "ibi",
                                   d->id, part, cell);
}

static int put(void *userdata, struct bytes part, struct bytes content, bool secret)
{
        const struct group_disk *d = userdata;
        _cleanup_writer_ struct writer place = WRITER_INIT;

        write_place(d, part, &place);
        return secret ? put_cell(d, part, writer_bytes(&place), content)
                      : put_sealed(d, part, writer_bytes(&place), content);
}

static int drop(void *userdata, struct bytes prefix)
{
        const struct group_disk *d = userdata;
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        uint8_t last[GROUP_PART_ID_MAX + 1]; /* behind all that begin so */
        int r;

        memset(last, 0xff, sizeof(last));
        if (prefix.size > 0)
                memcpy(last, prefix.data, prefix.size);
        r = storage_prepare(
                vault_database(d->vault), &s,
                "SELECT cell FROM group_part WHERE membership = ? AND id BETWEEN ? AND ? AND cell IS NOT NULL", "ibb",
                d->id, prefix, BYTES_OF(last));
        while (r >= 0 && (r = storage_step(s)) > 0)
                r = vault_cell_erase(d->vault, storage_column_integer(s, 0));
        return r < 0 ? r
                     : storage_run(vault_database(d->vault),
                                   "DELETE FROM group_part WHERE membership = ? AND id BETWEEN ? AND ?", "ibb", d->id,
                                   prefix, BYTES_OF(last));
}

int group_disk_save(struct vault *v, int64_t id, struct group *g)
{
        struct group_disk d = { v, id };

        return group_save(g, &(struct group_store){ put, drop, &d });
}

/* Appends the part of a row as group_read() takes it. */
static int read_row(const struct group_disk *d, sqlite3_stmt *s, struct writer *state)
{
        _cleanup_secret_ struct secret *content = NULL;
        _cleanup_writer_ struct writer place = WRITER_INIT;
        struct bytes part = storage_column_bytes(s, 0);
        int64_t cell = storage_column_integer(s, 1);
        int r;

        write_place(d, part, &place);
        r = cell ? vault_cell_read(d->vault, cell, writer_bytes(&place), &content)
                 : vault_unseal(d->vault, "group_part", writer_bytes(&place), storage_column_bytes(s, 2), &content);
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        write_vector(state, part);
        write_vector(state, secret_bytes(content));
        return writer_finish(state);
}

int group_disk_load(struct vault *v, int64_t id, struct group **out)
{
        const struct group_disk d = { v, id };
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_writer_ struct writer state = WRITER_INIT;
        struct reader reader;
        int r = storage_prepare(vault_database(v), &s,
                                "SELECT id, cell, content FROM group_part WHERE membership = ? ORDER BY id", "i", id);

        while (r >= 0 && (r = storage_step(s)) > 0)
                r = read_row(&d, s, &state);
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&state));
        return group_read(&reader, out);
}

int group_disk_erase(struct vault *v, int64_t id)
{
        struct group_disk d = { v, id };

        return drop(&d, BYTES("", 0));
}
