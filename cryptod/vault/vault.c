/* A vault as a whole: how it is made, loaded, opened, locked and erased. See vault.h, and vault_state.h for its parts.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cryptod/vault/schema.h"
#include "cryptod/vault/vault_directory.h"
#include "cryptod/vault/vault_state.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

struct vault *vault_free(struct vault *v)
{
        if (!v)
                return NULL;
        vault_lock(v);
        for (unsigned i = 1; i <= VAULT_SLOTS_MAX; i++)
                writer_release(&v->slots[i]);
        cells_free(v->cells);
        storage_close(v->db);
        free(v);
        return NULL;
}

void vault_release(struct vault **v)
{
        *v = vault_free(*v);
}

static int open_database(struct vault *v, const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, "vault.db");
        _cleanup_free_ char *cells = vault_directory_path(state_directory, id, "cell-keys");
        int r = storage_open(path, vault_migrations, vault_migration_count, &v->db);

        return r < 0 ? r : cells_open(v->db, cells, &v->cells);
}

static int open_existing(struct vault *v, const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = vault_directory_path(state_directory, id, "vault.db");

        if (!vault_directory_is_id(id))
                return -EINVAL;
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? vault_directory_missing(state_directory, id) : -errno;
        return open_database(v, state_directory, id);
}

/* A slot that is gone opens nothing any more, a message cannot be read: what was deleted is overwritten in the database
 * (secure_delete), and the log that still holds it is emptied. */
void vault_empty_log(struct vault *v)
{
        v->forget = false;
        if (sqlite3_wal_checkpoint_v2(v->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
                log_warning(
                        "What was erased of account %s is still in the write-ahead log, until that is next emptied.",
                        v->account.id);
}

static int mark_destroyed(sqlite3 *db)
{
        int r = storage_begin(db);

        if (r >= 0)
                r = storage_run(db, "DELETE FROM slot", "");
        if (r >= 0)
                r = storage_run(db, "UPDATE account SET destroyed = 1", "");
        if (r >= 0)
                r = storage_commit(db);
        if (r < 0)
                storage_rollback(db);
        return r;
}

int vault_erase(struct vault *v)
{
        int r = mark_destroyed(v->db);

        if (r >= 0)
                r = cells_wipe(v->cells);
        if (r < 0)
                return r;
        vault_empty_log(v);
        vault_lock(v);
        for (unsigned i = 1; i <= VAULT_SLOTS_MAX; i++)
                writer_release(&v->slots[i]);
        v->destroyed = true;
        return 0;
}

bool vault_is_destroyed(const struct vault *v)
{
        return v->destroyed;
}

int vault_destroy(const char *state_directory, const char *id)
{
        _cleanup_vault_ struct vault *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                abort();
        r = open_existing(v, state_directory, id);
        if (r >= 0)
                r = vault_erase(v);
        if (r < 0 && r != -ENOENT)
                return r;
        v = vault_free(v);
        return vault_discard(state_directory, id);
}

static int read_account(struct vault *v, const char *id)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct vault_account *a = &v->account;
        int r = storage_prepare(v->db, &s,
                                "SELECT uid, address, suite, created, redemptions, label, idle_lock, destroyed,"
                                " face_turn, face_failures, passphrase_alone FROM account WHERE id = ?",
                                "s", id);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        snprintf(a->id, sizeof(a->id), "%s", id);
        a->uid = (uid_t) storage_column_integer(s, 0);
        snprintf(a->address, sizeof(a->address), "%s", storage_column_string(s, 1));
        snprintf(a->suite, sizeof(a->suite), "%s", storage_column_string(s, 2));
        a->created = (uint64_t) storage_column_integer(s, 3);
        v->redemptions = (uint64_t) storage_column_integer(s, 4);
        snprintf(a->label, sizeof(a->label), "%s", storage_column_string(s, 5));
        a->idle_lock = (uint32_t) storage_column_integer(s, 6);
        v->destroyed = storage_column_integer(s, 7) != 0;
        v->face.turn = (uint64_t) storage_column_integer(s, 8);
        v->face.failures = (uint32_t) storage_column_integer(s, 9);
        a->passphrase_alone = (enum passphrase_alone) storage_column_integer(s, 10);
        return 0;
}

int vault_load(const char *state_directory, const char *id, struct vault **out)
{
        _cleanup_vault_ struct vault *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                abort();
        r = open_existing(v, state_directory, id);
        if (r >= 0) {
                r = read_account(v, id);
                if (r == -ENOENT)
                        r = vault_directory_missing(state_directory, id);
        }
        if (r >= 0)
                r = vault_slots_read(v);
        if (r >= 0)
                r = vault_attempts_read(v);
        if (r < 0)
                return r;
        vault_directory_unmark(state_directory, id);
        *out = TAKE(v);
        return 0;
}

static int insert(sqlite3 *db, const struct vault_account *a, struct bytes slot)
{
        int r = storage_begin(db);

        if (r >= 0)
                r = storage_run(db, "INSERT INTO account VALUES (?, ?, ?, ?, ?, 1, '', 0, 0, 0, 0, 0)", "sissi", a->id,
                                (int64_t) a->uid, a->address, a->suite, (int64_t) a->created);
        if (r >= 0)
                r = storage_run(db, "INSERT INTO slot VALUES (1, ?)", "b", slot);
        if (r >= 0)
                r = storage_commit(db);
        if (r < 0)
                storage_rollback(db);
        return r;
}

static void set_key(struct vault *v, struct secret *key)
{
        v->key = key;
        v->table_keys = calloc(TABLES_MAX, sizeof(*v->table_keys));
        if (!v->table_keys)
                abort();
}

int vault_create(const char *state_directory, const struct vault_account *account, struct bytes slot,
                 struct secret *vault_key, struct vault **out)
{
        _cleanup_secret_ struct secret *key = vault_key;
        _cleanup_vault_ struct vault *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                abort();
        r = vault_directory_make(state_directory, account->id);
        if (r >= 0)
                r = open_database(v, state_directory, account->id);
        if (r >= 0)
                r = insert(v->db, account, slot);
        if (r < 0)
                return r;
        vault_directory_unmark(state_directory, account->id);
        v->account = *account;
        v->redemptions = 1; /* the enrolment's */
        set_key(v, TAKE(key));
        write_fixed(&v->slots[1], slot);
        r = writer_finish(&v->slots[1]);
        if (r < 0)
                return r;
        *out = TAKE(v);
        return 0;
}

const struct vault_account *vault_account(const struct vault *v)
{
        return &v->account;
}

sqlite3 *vault_database(struct vault *v)
{
        return v->db;
}

void vault_log(const struct vault *v, int priority, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        char field[sizeof("ACCOUNT=") + ACCOUNT_ID_SIZE];
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&sentence, format, arguments);
        va_end(arguments);
        if (r < 0)
                abort();
        (void) snprintf(field, sizeof(field), "ACCOUNT=%s", v->account.id);
        log_fields(priority, (const char *[]){ field, NULL }, "%s", sentence);
}

int vault_set_label(struct vault *v, const char *label)
{
        int r = storage_run(v->db, "UPDATE account SET label = ?", "s", label);

        if (r >= 0)
                (void) snprintf(v->account.label, sizeof(v->account.label), "%s", label);
        return r;
}

int vault_set_idle_lock(struct vault *v, uint32_t seconds)
{
        int r = storage_run(v->db, "UPDATE account SET idle_lock = ?", "i", (int64_t) seconds);

        if (r >= 0)
                v->account.idle_lock = seconds;
        return r;
}

int vault_set_passphrase_alone(struct vault *v, enum passphrase_alone decision)
{
        int r = storage_run(v->db, "UPDATE account SET passphrase_alone = ?", "i", (int64_t) decision);

        if (r >= 0)
                v->account.passphrase_alone = decision;
        return r;
}

int vault_unlock(struct vault *v, struct secret *vault_key)
{
        _cleanup_secret_ struct secret *key = vault_key;
        int r = vault_attempts_clear(v);

        if (r < 0)
                return r;
        vault_lock(v); /* the same key, if it was open */
        set_key(v, TAKE(key));
        return 0;
}

void vault_lock(struct vault *v)
{
        for (unsigned i = 0; v->table_keys && i < TABLES_MAX; i++)
                secret_free(v->table_keys[i].key);
        free(v->table_keys);
        v->table_keys = NULL;
        v->key = secret_free(v->key);
}

bool vault_is_unlocked(const struct vault *v)
{
        return v->key != NULL;
}
