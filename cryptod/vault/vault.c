#include "cryptod/vault/vault.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cryptod/vault/cells.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"

#define TABLE_INFO "visavis vault table v1"
#define EMPTY_MARK "no-account"

enum {
        RESERVED_BYTES = 1 << 20, /* what a new account takes: its tables, keys and key packages */
        UNLOCK_BYTES = 1 << 16,   /* counting what an attempt costs, some pages each time */
};

/* Before one is added, the vault of the last is kept for its test: test_vault_versions.c. */
static const char *const migrations[] = {
        "CREATE TABLE account (id TEXT PRIMARY KEY, uid INTEGER NOT NULL, address TEXT NOT NULL, suite TEXT NOT NULL,"
        "                      created INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE slot (number INTEGER PRIMARY KEY, content BLOB NOT NULL);"
        "CREATE TABLE throttle (number INTEGER PRIMARY KEY CHECK (number = 1), content BLOB NOT NULL);",
        /* What follows is the conversation's (cryptod/conversation/); each content is sealed. */
        "CREATE TABLE cell (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, content BLOB);"
        "CREATE INDEX cell_empty ON cell (id) WHERE content IS NULL;"
        "CREATE TABLE device (number INTEGER PRIMARY KEY CHECK (number = 1), content BLOB NOT NULL);"
        "CREATE TABLE key_package (ref BLOB PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cell,"
        "                          last_resort INTEGER NOT NULL, not_after INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE conversation (id BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE membership (cell INTEGER PRIMARY KEY REFERENCES cell,"
        "                         conversation BLOB NOT NULL REFERENCES conversation);"
        "CREATE TABLE message (id INTEGER PRIMARY KEY, conversation BLOB NOT NULL REFERENCES "
        "conversation,"
        "                      state INTEGER NOT NULL, content BLOB NOT NULL);"
        "CREATE INDEX message_of_conversation ON message (conversation, id);"
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, cell INTEGER,"
        "                     message INTEGER REFERENCES message, content BLOB NOT NULL);"
        "CREATE TABLE inbox (number INTEGER PRIMARY KEY CHECK (number = 1), last INTEGER NOT NULL);"
        "INSERT INTO inbox VALUES (1, 0);",
        "ALTER TABLE account ADD COLUMN redemptions INTEGER NOT NULL DEFAULT 0;",
        /* A group's state is in parts. One that was stored before, in a cell of its own, is erased: the conversation
         * keeps its history and starts anew with the next message. */
        "UPDATE cell SET content = NULL WHERE id IN (SELECT cell FROM membership);"
        "DROP TABLE membership;"
        "CREATE TABLE membership (id INTEGER PRIMARY KEY, conversation BLOB NOT NULL REFERENCES conversation,"
        "                         content BLOB NOT NULL);"
        "ALTER TABLE outbox RENAME COLUMN cell TO membership;"
        "CREATE TABLE welcome (membership INTEGER PRIMARY KEY REFERENCES membership, content BLOB NOT NULL);"
        "CREATE TABLE group_part (membership INTEGER NOT NULL REFERENCES membership, id BLOB NOT NULL,"
        "                         cell INTEGER REFERENCES cell, content BLOB, PRIMARY KEY (membership, id))"
        "                         WITHOUT ROWID;",
        ("CREATE TABLE contact (conversation BLOB PRIMARY KEY REFERENCES conversation, content BLOB NOT NULL)"
         "                      WITHOUT ROWID;"),
        /* Envelopes have lists of recipients, and what is wanted of a group outlives an epoch. Envelopes of before
         * belong to groups that are gone. */
        ("UPDATE message SET state = 4 WHERE id IN (SELECT message FROM outbox);"
         "DELETE FROM outbox;"
         "DROP TABLE welcome;"
         "CREATE TABLE wanted (membership INTEGER PRIMARY KEY REFERENCES membership, content BLOB NOT NULL);"),
        ("ALTER TABLE account ADD COLUMN label TEXT NOT NULL DEFAULT '';"
         "ALTER TABLE account ADD COLUMN idle_lock INTEGER NOT NULL DEFAULT 0;"
         "ALTER TABLE account ADD COLUMN destroyed INTEGER NOT NULL DEFAULT 0;"),
        /* Files on their way: conversation/transfer_record.h. */
        "CREATE TABLE transfer (id BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;",
        /* Messages can be referred to, erased when their time is over, and owe a receipt; others do something to them;
         * what waits for its group is kept as it will be sent (NULL: as it stands in its message). */
        ("ALTER TABLE message ADD COLUMN tag BLOB;"
         "ALTER TABLE message ADD COLUMN deadline INTEGER;"
         "ALTER TABLE message ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;"
         "CREATE UNIQUE INDEX message_tag ON message (tag) WHERE tag IS NOT NULL;"
         "CREATE INDEX message_deadline ON message (deadline) WHERE deadline IS NOT NULL;"
         "CREATE INDEX message_owed ON message (conversation, id) WHERE owed > 0;"
         "CREATE TABLE message_erased (number INTEGER PRIMARY KEY CHECK (number = 1), last INTEGER NOT NULL);"
         "INSERT INTO message_erased VALUES (1, 0);"
         "CREATE TABLE annotation (target BLOB NOT NULL, kind INTEGER NOT NULL, author BLOB NOT NULL,"
         "                         conversation BLOB NOT NULL, waiting INTEGER, content BLOB NOT NULL,"
         "                         PRIMARY KEY (target, kind, author)) WITHOUT ROWID;"
         "CREATE INDEX annotation_of_conversation ON annotation (conversation, kind);"
         "CREATE INDEX annotation_waiting ON annotation (conversation, waiting) WHERE waiting IS NOT NULL;"
         "CREATE TABLE unsent (number INTEGER PRIMARY KEY AUTOINCREMENT, conversation BLOB NOT NULL, message INTEGER,"
         "                     content BLOB);"
         "INSERT INTO unsent SELECT NULL, conversation, id, NULL FROM message WHERE state = 0 ORDER BY id;"
         "CREATE TABLE retention_clock (number INTEGER PRIMARY KEY CHECK (number = 1), time INTEGER NOT NULL,"
         "                              wall INTEGER NOT NULL, up INTEGER NOT NULL, boot BLOB NOT NULL);"
         "CREATE TABLE setting (conversation BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE draft (conversation BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"),
        /* What is unread is counted without a look at each message. */
        "CREATE INDEX message_received ON message (conversation, id, state) WHERE state = 3;",
        /* The account's further hubs (hubs.h), and for which of them a key package is: 0 for its own. */
        ("CREATE TABLE hub (number INTEGER PRIMARY KEY, place INTEGER NOT NULL, address TEXT NOT NULL);"
         "ALTER TABLE key_package ADD COLUMN hub INTEGER NOT NULL DEFAULT 0;"),
        /* The largest id of an envelope that a hub has answered, and how many have come; of a vault from before, they
         * are not known. */
        ("ALTER TABLE inbox ADD COLUMN concluded BLOB;"
         "ALTER TABLE inbox ADD COLUMN arrived INTEGER;"
         "UPDATE inbox SET concluded = zeroblob(16), arrived = 0 WHERE NOT EXISTS (SELECT 1 FROM account);"),
        /* What authd's failures have cost, as it said last. */
        ("ALTER TABLE account ADD COLUMN face_turn INTEGER NOT NULL DEFAULT 0;"
         "ALTER TABLE account ADD COLUMN face_failures INTEGER NOT NULL DEFAULT 0;"),
        /* enum passphrase_alone */
        "ALTER TABLE account ADD COLUMN passphrase_alone INTEGER NOT NULL DEFAULT 0;",
};

enum { TABLES_MAX = 24 };

struct table_key {
        const char *table;
        struct secret *key;
};

struct vault {
        struct vault_account account;
        sqlite3 *db;
        struct cells *cells;
        struct writer slots[VAULT_SLOTS_MAX + 1]; /* by number */
        struct throttle throttle;
        uint64_t redemptions;         /* of tickets at authd */
        struct throttle_word face;    /* authd's */
        bool destroyed;               /* its slots are gone, the rest has to follow */
        bool forget;                  /* vault_forget(), in the transaction under way */
        struct secret *key;           /* NULL while locked */
        struct table_key *table_keys; /* TABLES_MAX, made as they are needed; NULL while locked */
};

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

/* The id becomes a file name. */
static bool is_account_id(const char *id)
{
        return strlen(id) == ACCOUNT_ID_SIZE && strspn(id, "0123456789abcdef") == ACCOUNT_ID_SIZE;
}

static char *path_in(const char *state_directory, const char *id, const char *name)
{
        char *path;

        if (asprintf(&path, "%s/%s/%s", state_directory, id, name) < 0)
                abort();
        return path;
}

/* The file that says that a directory has no account: not yet, or not any more. Its absence is no proof of one, but
 * where it is not, something that is missing was lost. It keeps @room bytes of the disk. */
static int mark_empty(const char *state_directory, const char *id, off_t room)
{
        _cleanup_free_ char *path = path_in(state_directory, id, EMPTY_MARK);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        int r = fd < 0 ? errno : room > 0 ? posix_fallocate(fd, 0, room) : 0;

        return r == EOPNOTSUPP || r == EINVAL ? 0 : -r;
}

static bool is_marked_empty(const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = path_in(state_directory, id, EMPTY_MARK);

        return access(path, F_OK) == 0;
}

static void unmark_empty(const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = path_in(state_directory, id, EMPTY_MARK);

        (void) unlink(path); /* an account that is there is one in spite of it */
}

static int open_database(struct vault *v, const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = path_in(state_directory, id, "vault.db");
        _cleanup_free_ char *cells = path_in(state_directory, id, "cell-keys");
        int r = storage_open(path, migrations, COUNT_OF(migrations), &v->db);

        return r < 0 ? r : cells_open(v->db, cells, &v->cells);
}

/* What it means that something which makes a vault is not there. */
static int not_there(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = path_in(state_directory, id, "");

        return is_marked_empty(state_directory, id) || access(directory, F_OK) < 0 ? -ENOENT : -EBADMSG;
}

static int open_existing(struct vault *v, const char *state_directory, const char *id)
{
        _cleanup_free_ char *path = path_in(state_directory, id, "vault.db");

        if (!is_account_id(id))
                return -EINVAL;
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? not_there(state_directory, id) : -errno;
        return open_database(v, state_directory, id);
}

/* A slot that is gone opens nothing any more, a message cannot be read: what was deleted is overwritten in the database
 * (secure_delete), and the log that still holds it is emptied. */
static void empty_log(struct vault *v)
{
        v->forget = false;
        if (sqlite3_wal_checkpoint_v2(v->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
                log_warning(
                        "What was erased of account %s is still in the write-ahead log, until that is next emptied.",
                        v->account.id);
}

int vault_reserve(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = path_in(state_directory, id, "");
        _cleanup_close_ int parent = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (!is_account_id(id))
                return -EINVAL;
        if (parent < 0 || mkdir(directory, 0700) < 0)
                return -errno;
        int r = mark_empty(state_directory, id, RESERVED_BYTES);
        if (r >= 0 && fsync(parent) < 0)
                r = -errno;
        if (r < 0)
                (void) vault_discard(state_directory, id);
        return r;
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
        empty_log(v);
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

int vault_discard(const char *state_directory, const char *id)
{
        static const char *const names[] = { "cell-keys", "vault.db", "vault.db-wal", "vault.db-shm", EMPTY_MARK };
        _cleanup_free_ char *directory = path_in(state_directory, id, "");

        if (!is_account_id(id))
                return -EINVAL;
        if (access(directory, F_OK) == 0)
                (void) mark_empty(state_directory, id, 0); /* a full disk must not keep anything from being deleted */
        for (unsigned i = 0; i < COUNT_OF(names); i++) {
                _cleanup_free_ char *path = path_in(state_directory, id, names[i]);

                if (unlink(path) < 0 && errno != ENOENT)
                        return -errno;
        }
        return rmdir(directory) < 0 && errno != ENOENT ? -errno : 0;
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

static int read_slots(struct vault *v)
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

static int read_throttle(struct vault *v)
{
        _cleanup_statement_ sqlite3_stmt *throttle = NULL;
        int r = storage_prepare(v->db, &throttle, "SELECT content FROM throttle", "");
        if (r >= 0)
                r = storage_step(throttle);
        if (r > 0) {
                struct reader reader;

                reader_init(&reader, storage_column_bytes(throttle, 0));
                throttle_read(&reader, &v->throttle);
                r = reader_finish(&reader);
        }
        return r;
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
                        r = not_there(state_directory, id);
        }
        if (r >= 0)
                r = read_slots(v);
        if (r >= 0)
                r = read_throttle(v);
        if (r < 0)
                return r;
        unmark_empty(state_directory, id);
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

/* Gives back what vault_reserve() has kept, if it was called. */
static int make_directory(const char *state_directory, const char *id)
{
        _cleanup_free_ char *directory = path_in(state_directory, id, "");
        _cleanup_free_ char *path = path_in(state_directory, id, "vault.db");

        if (!is_account_id(id))
                return -EINVAL;
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        return access(path, F_OK) == 0 && !is_marked_empty(state_directory, id) ? -EEXIST
                                                                                : mark_empty(state_directory, id, 0);
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
        r = make_directory(state_directory, account->id);
        if (r >= 0)
                r = open_database(v, state_directory, account->id);
        if (r >= 0)
                r = insert(v->db, account, slot);
        if (r < 0)
                return r;
        unmark_empty(state_directory, account->id);
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

int vault_slot_store(struct vault *v, unsigned *number, struct bytes slot)
{
        unsigned n = *number;
        int r;

        for (unsigned i = 1; n == 0 && i <= VAULT_SLOTS_MAX; i++)
                n = v->slots[i].size == 0 ? i : 0;
        if (n == 0)
                return -E2BIG;
        r = storage_run(v->db, "INSERT OR REPLACE INTO slot VALUES (?, ?)", "ib", (int64_t) n, slot);
        if (r < 0)
                return r;
        empty_log(v);
        writer_release(&v->slots[n]);
        write_fixed(&v->slots[n], slot);
        *number = n;
        return writer_finish(&v->slots[n]);
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
        empty_log(v);
        writer_release(&v->slots[number]);
        return 0;
}

static int store_throttle(struct vault *v, const struct throttle *t)
{
        _cleanup_writer_ struct writer content = WRITER_INIT;
        int r;

        throttle_write(t, &content);
        r = writer_finish(&content);
        if (r >= 0)
                r = storage_run(v->db, "INSERT OR REPLACE INTO throttle VALUES (1, ?)", "b", writer_bytes(&content));
        if (r >= 0)
                v->throttle = *t;
        return r;
}

int vault_wait(const struct vault *v, uint64_t *wait_usec)
{
        struct boot_time now;
        int r = boot_time_now(&now);

        if (r < 0)
                return r;
        *wait_usec = throttle_remaining(&v->throttle, &now);
        return *wait_usec > 0 ? -EAGAIN : 0;
}

int vault_check_room(const struct vault *v)
{
        return storage_check_room(v->db, UNLOCK_BYTES);
}

int vault_attempt(struct vault *v, uint64_t *wait_usec)
{
        struct throttle next = v->throttle;
        struct boot_time now;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = vault_wait(v, wait_usec);
        if (r < 0)
                return r;
        throttle_attempt(&next, &now);
        return store_throttle(v, &next);
}

uint64_t vault_redemptions(const struct vault *v)
{
        return v->redemptions;
}

int vault_count_redemption(struct vault *v, uint64_t count)
{
        struct throttle next = v->throttle;
        struct boot_time now;
        uint64_t missed = count > v->redemptions ? count - v->redemptions - 1 : 0;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = storage_run(v->db, "UPDATE account SET redemptions = ?", "i", (int64_t) count);
        if (r < 0)
                return r;
        v->redemptions = count;
        if (missed == 0)
                return 0;
        log_warning(
                "authd has redeemed %llu tickets for account %s that are not known here: cryptod's state was put back "
                "from an older copy, or its end cut attempts off. They count as wrong factors.",
                (unsigned long long) missed, v->account.id);
        for (uint64_t i = 0; i < missed && i < THROTTLE_LOCK_OUT; i++)
                throttle_attempt(&next, &now);
        return store_throttle(v, &next);
}

int vault_compare_failures(struct vault *v, struct throttle_word *face)
{
        if (face->turn > v->face.turn) {
                int r = storage_run(v->db, "UPDATE account SET face_turn = ?, face_failures = ?", "ii",
                                    (int64_t) face->turn, (int64_t) face->failures);

                if (r < 0)
                        return r;
                v->face = *face;
        }
        *face = v->face;
        return 0;
}

int vault_unlock(struct vault *v, struct secret *vault_key)
{
        _cleanup_secret_ struct secret *key = vault_key;
        int r = store_throttle(v, &(struct throttle){ 0 });

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

/* Made once for an unlock: each value that is sealed or opened needs one. */
static const struct secret *table_key(const struct vault *v, const char *table)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        struct table_key *t = v->table_keys;

        for (; t < v->table_keys + TABLES_MAX && t->key; t++) {
                if (strcmp(t->table, table) == 0)
                        return t->key;
        }
        assert(t < v->table_keys + TABLES_MAX);
        write_fixed(&info, BYTES_STRING(TABLE_INFO));
        write_fixed(&info, BYTES_STRING(table));
        if (writer_finish(&info) < 0)
                abort();
        t->table = table;
        t->key = hkdf_sha512(secret_bytes(v->key), BYTES(NULL, 0), writer_bytes(&info), SEAL_KEY_SIZE);
        return t->key;
}

int vault_seal(const struct vault *v, const char *table, struct bytes row, struct bytes plain, struct writer *out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);

        return seal(key, row, plain, out);
}

int vault_unseal(const struct vault *v, const char *table, struct bytes row, struct bytes sealed, struct secret **out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);

        return unseal(key, row, sealed, out);
}

int vault_tag(const struct vault *v, const char *table, struct bytes value, uint8_t out[static VAULT_TAG_SIZE])
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, table);
        _cleanup_secret_ struct secret *tag =
                hkdf_sha512(secret_bytes(key), BYTES_STRING("visavis vault tag v1"), value, VAULT_TAG_SIZE);

        memcpy(out, tag->data, VAULT_TAG_SIZE);
        return 0;
}

int vault_purpose_key(const struct vault *v, const char *purpose, struct secret **out)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;

        if (!v->key)
                return -EKEYREVOKED;
        write_fixed(&info, BYTES_STRING("visavis vault key for "));
        write_fixed(&info, BYTES_STRING(purpose));
        write_fixed(&info, BYTES_STRING(" v1"));
        if (writer_finish(&info) < 0)
                abort();
        *out = hkdf_sha512(secret_bytes(v->key), BYTES(NULL, 0), writer_bytes(&info), SEAL_KEY_SIZE);
        return 0;
}

int vault_begin(struct vault *v)
{
        if (!v->key)
                return -EKEYREVOKED;
        return storage_begin(v->db);
}

int vault_commit(struct vault *v)
{
        int r = cells_sync(v->cells);

        if (r < 0) {
                vault_rollback(v);
                return r;
        }
        r = storage_commit(v->db);
        if (r < 0)
                storage_rollback(v->db);
        cells_settle(v->cells, r < 0 ? TRANSACTION_UNKNOWN : TRANSACTION_COMMITTED);
        if (r >= 0 && v->forget)
                empty_log(v);
        v->forget = false;
        return r;
}

void vault_forget(struct vault *v)
{
        v->forget = true;
}

void vault_rollback(struct vault *v)
{
        v->forget = false;
        storage_rollback(v->db);
        cells_settle(v->cells, TRANSACTION_ROLLED_BACK);
}

int vault_cell_new(struct vault *v, struct bytes owner, struct bytes content, int64_t *id)
{
        int r = cells_new(v->cells, id);

        return r < 0 ? r : vault_cell_write(v, *id, owner, content);
}

int vault_cell_write(struct vault *v, int64_t id, struct bytes owner, struct bytes content)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, "cell");

        return cells_write(v->cells, key, id, owner, content);
}

int vault_cell_read(struct vault *v, int64_t id, struct bytes owner, struct secret **out)
{
        if (!v->key)
                return -EKEYREVOKED;
        const struct secret *key = table_key(v, "cell");

        return cells_read(v->cells, key, id, owner, out);
}

int vault_cell_erase(struct vault *v, int64_t id)
{
        return cells_erase(v->cells, id);
}
