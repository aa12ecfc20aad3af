/* The slots of a vault, one to eight: the part of vault.h about them. */
#include <errno.h>

#include "cryptod/vault/vault_state.h"
#include "services/cleanup.h"
#include "services/storage.h"

int vault_slots_read(struct vault *v)
{
        _cleanup_statement_ sqlite3_stmt *slot = NULL;
        int r = storage_prepare(v->db, &slot, "SELECT number, content FROM slot WHERE number BETWEEN 1 AND ?", "i",
                                (int64_t) VAULT_SLOTS_MAX);
        unsigned count = 0;

        while (r >= 0 && (r = storage_step(slot)) > 0) {
                struct writer *w = &v->slots[storage_column_integer(slot, 0)];

                write_fixed(w, storage_column_bytes(slot, 1));
                r = writer_finish(w);
                count++;
        }
        return r < 0 ? r : count > 0 || v->destroyed ? 0 : -EBADMSG;
}

struct bytes vault_slot(const struct vault *v, unsigned number)
{
        return number >= 1 && number <= VAULT_SLOTS_MAX ? writer_bytes(&v->slots[number]) : BYTES(NULL, 0);
}

unsigned vault_slots_of(const struct vault *v, enum slot_kind kind, struct writer *out,
                        uint8_t numbers[static VAULT_SLOTS_MAX])
{
        unsigned count = 0;

        for (unsigned i = 1; i <= VAULT_SLOTS_MAX; i++) {
                struct reader r;
                struct slot s;

                reader_init(&r, vault_slot(v, i));
                if (slot_read(&r, &s) < 0 || reader_finish(&r) < 0 || s.kind != kind)
                        continue;
                write_fixed(out, vault_slot(v, i));
                numbers[count++] = (uint8_t) i;
        }
        return count;
}

/* @others: the numbers of slots that go with it. */
static int store(struct vault *v, unsigned *number, struct bytes slot, const uint8_t *others, unsigned count)
{
        unsigned n = *number;
        int r;

        for (unsigned i = 1; n == 0 && i <= VAULT_SLOTS_MAX; i++)
                n = v->slots[i].size == 0 ? i : 0;
        if (n == 0)
                return -E2BIG;
        r = storage_begin(v->db);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < count && r >= 0; i++)
                r = storage_run(v->db, "DELETE FROM slot WHERE number = ?", "i", (int64_t) others[i]);
        if (r >= 0)
                r = storage_run(v->db, "INSERT OR REPLACE INTO slot VALUES (?, ?)", "ib", (int64_t) n, slot);
        if (r >= 0)
                r = storage_commit(v->db);
        if (r < 0) {
                storage_rollback(v->db);
                return r;
        }
        vault_empty_log(v);
        for (unsigned i = 0; i < count; i++)
                writer_release(&v->slots[others[i]]);
        writer_release(&v->slots[n]);
        write_fixed(&v->slots[n], slot);
        *number = n;
        return writer_finish(&v->slots[n]);
}

int vault_slot_store(struct vault *v, unsigned *number, struct bytes slot)
{
        return store(v, number, slot, NULL, 0);
}

int vault_slots_replace(struct vault *v, enum slot_kind kind, unsigned *number, struct bytes slot)
{
        _cleanup_writer_ struct writer ignored = WRITER_INIT;
        uint8_t numbers[VAULT_SLOTS_MAX];
        unsigned count = vault_slots_of(v, kind, &ignored, numbers),
                 n = *number > 0 || count == 0 ? *number : numbers[0];
        int r = store(v, &n, slot, numbers, count);

        if (r >= 0)
                *number = n;
        return r;
}

int vault_slot_remove(struct vault *v, unsigned number)
{
        unsigned count = 0;
        int r;

        if (vault_slot(v, number).size == 0)
                return -ENOENT;
        for (unsigned i = 1; i <= VAULT_SLOTS_MAX; i++)
                count += v->slots[i].size > 0;
        if (count == 1)
                return -EPERM;
        r = storage_run(v->db, "DELETE FROM slot WHERE number = ?", "i", (int64_t) number);
        if (r < 0)
                return r;
        vault_empty_log(v);
        writer_release(&v->slots[number]);
        return 0;
}
