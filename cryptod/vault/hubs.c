/* See hubs.h. */
#include "cryptod/vault/hubs.h"

#include <errno.h>

#include "services/cleanup.h"
#include "services/storage.h"

int vault_hubs(struct vault *v, struct vault_hub out[static HUBS_MAX])
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int n = 0,
            r = storage_prepare(vault_database(v), &s, "SELECT number, address FROM hub ORDER BY place, number", "");

        while (r >= 0 && n < HUBS_MAX && (r = storage_step(s)) > 0) {
                out[n].number = (unsigned) storage_column_integer(s, 0);
                (void) snprintf(out[n++].address, ADDRESS_TEXT_MAX, "%s", storage_column_string(s, 1));
        }
        return r < 0 ? r : n;
}

int vault_hub_add(struct vault *v, const struct vault_hub *hub)
{
        struct vault_hub hubs[HUBS_MAX];
        int n = vault_hubs(v, hubs);

        if (n < 0 || n == HUBS_MAX)
                return n < 0 ? n : -E2BIG;
        return storage_run(vault_database(v),
                           "INSERT INTO hub VALUES (?, (SELECT COALESCE(MAX(place), 0) + 1 FROM hub), ?)", "is",
                           (int64_t) hub->number, hub->address);
}

int vault_hub_remove(struct vault *v, unsigned number)
{
        int r = storage_run(vault_database(v), "DELETE FROM hub WHERE number = ?", "i", (int64_t) number);

        return r < 0 ? r : sqlite3_changes(vault_database(v)) > 0 ? 0 : -ENOENT;
}

int vault_hubs_order(struct vault *v, const unsigned *numbers, size_t count)
{
        sqlite3 *db = vault_database(v);
        int r = storage_begin(db);

        if (r >= 0)
                r = storage_run(db, "UPDATE hub SET place = place + ?", "i", (int64_t) count);
        for (size_t i = 0; r >= 0 && i < count; i++)
                r = storage_run(db, "UPDATE hub SET place = ? WHERE number = ?", "ii", (int64_t) i,
                                (int64_t) numbers[i]);
        if (r >= 0)
                r = storage_commit(db);
        if (r < 0)
                storage_rollback(db);
        return r;
}
