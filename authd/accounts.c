/* See accounts.h. */
#include "authd/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"

/* What a sealed value is bound to, beside account and user. */
#define PLAIN_TEMPLATE "template"
#define ROTATED_TEMPLATE "rotated template"
#define ROTATION "rotation"
#define FACE_SECRET "face secret"

enum { GALLERY_PIECE = 512 * 1024, PIECE_NAME_SIZE = 48 };

/* What they write: pages of the write-ahead log, and of an enrolment the largest that there is. */
enum { ATTEMPT_BYTES = 1 << 16, ENROLMENT_BYTES = 1 << 20 };

#define LOCKED_OUT_USEC (24ULL * 3600 * 1000000)

static const char *const migrations[] = {
        "CREATE TABLE account (id TEXT PRIMARY KEY, uid INTEGER NOT NULL, template BLOB NOT NULL,"
        " face_secret BLOB NOT NULL, throttle BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX account_uid ON account (uid);",
        "ALTER TABLE account ADD COLUMN redemptions INTEGER NOT NULL DEFAULT 0;",
        /* NULL: the template is not rotated yet. */
        "ALTER TABLE account ADD COLUMN rotation BLOB;",
        /* Instead of a template, which is empty then. Apart, since rows of megabytes are slow to change. */
        "CREATE TABLE gallery (id TEXT PRIMARY KEY, uid INTEGER NOT NULL, pieces BLOB NOT NULL) WITHOUT ROWID;",
        /* How often the throttle has changed. */
        "ALTER TABLE account ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;",
        /* What redemptions were when the vault was last opened with a ticket. */
        "ALTER TABLE account ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;",
};

struct accounts {
        sqlite3 *db;
        struct secret *key;
        char *described;
};

struct accounts *accounts_close(struct accounts *a)
{
        if (!a)
                return NULL;
        storage_close(a->db);
        secret_free(a->key);
        free(a->described);
        free(a);
        return NULL;
}

const char *accounts_describe(struct accounts *a)
{
        int code = sqlite3_extended_errcode(a->db);

        free(a->described);
        a->described = NULL;
        if (storage_errno(code) == 0) /* it was read, and makes no sense */
                return "What authd keeps of this account is damaged; restore its state directory from a backup, or log "
                       "in with the recovery code.";
        a->described = storage_describe(a->db, code);
        return a->described ? a->described : "The accounts cannot be read or written.";
}

int accounts_check_room(struct accounts *a, bool enrolment)
{
        return storage_check_room(a->db, enrolment ? ENROLMENT_BYTES : ATTEMPT_BYTES);
}

/* struct { opaque what<V>; opaque account<V>; uint32 uid; } */
static void place_of(const char *what, const char *account, uid_t uid, struct writer *out)
{
        write_vector(out, BYTES_STRING(what));
        write_vector(out, BYTES_STRING(account));
        write_u32(out, (uint32_t) uid);
}

static int seal_column(struct accounts *a, const char *what, const char *account, uid_t uid, struct bytes plain,
                       struct writer *out)
{
        _cleanup_writer_ struct writer place = WRITER_INIT;

        place_of(what, account, uid, &place);
        return seal(a->key, writer_bytes(&place), plain, out);
}

static int seal_template(struct accounts *a, const char *account, uid_t uid, const struct template *t,
                         struct writer *out)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        int r;

        template_write(t, &plain);
        r = writer_finish(&plain);
        return r < 0 ? r : seal_column(a, ROTATED_TEMPLATE, account, uid, writer_bytes(&plain), out);
}

/* Piece @index of @count: neither can one be left out, nor two change places. */
static void name_piece(char out[static PIECE_NAME_SIZE], unsigned index, unsigned count)
{
        (void) snprintf(out, PIECE_NAME_SIZE, "gallery %u of %u", index + 1, count);
}

/* struct { uint8 count; opaque sealed<V>[count]; }: a gallery is larger than what can be sealed at once. */
static int seal_gallery(struct accounts *a, const char *account, uid_t uid, const struct gallery *g, struct writer *out)
{
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        unsigned count;
        int r;

        gallery_write(g, &plain);
        r = writer_finish(&plain);
        count = (unsigned) ((plain.size + GALLERY_PIECE - 1) / GALLERY_PIECE);
        write_u8(out, (uint8_t) count);
        for (unsigned i = 0; r >= 0 && i < count; i++) {
                _cleanup_writer_ struct writer sealed = WRITER_INIT;
                size_t from = (size_t) i * GALLERY_PIECE, left = plain.size - from;
                char what[PIECE_NAME_SIZE];

                name_piece(what, i, count);
                r = seal_column(a, what, account, uid,
                                BYTES(plain.data + from, left < GALLERY_PIECE ? left : GALLERY_PIECE), &sealed);
                write_vector(out, writer_bytes(&sealed));
        }
        return r < 0 ? r : writer_finish(out);
}

static int add_account(struct accounts *a, const struct enrolment *e, uint64_t redemptions)
{
        _cleanup_writer_ struct writer template = WRITER_INIT, rotation = WRITER_INIT, secret = WRITER_INIT,
                                       throttle = WRITER_INIT;
        int r;

        throttle_write(&(struct throttle){ 0 }, &throttle);
        if ((r = writer_finish(&throttle)) < 0 ||
            (!e->gallery && (r = seal_template(a, e->account, e->uid, &e->template, &template)) < 0) ||
            (r = seal_column(a, ROTATION, e->account, e->uid, secret_bytes(e->rotation), &rotation)) < 0 ||
            (r = seal_column(a, FACE_SECRET, e->account, e->uid, secret_bytes(e->face_secret), &secret)) < 0)
                return r;
        return storage_run(a->db, "INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)", "sibbbibi", e->account,
                           (int64_t) e->uid, writer_bytes(&template), writer_bytes(&secret), writer_bytes(&throttle),
                           (int64_t) redemptions, writer_bytes(&rotation), (int64_t) redemptions);
}

static int add_gallery(struct accounts *a, const struct enrolment *e)
{
        _cleanup_writer_ struct writer pieces = WRITER_INIT;
        int r = e->gallery ? seal_gallery(a, e->account, e->uid, e->gallery, &pieces) : 0;

        if (r >= 0 && e->gallery)
                r = storage_run(a->db, "INSERT INTO gallery VALUES (?, ?, ?)", "sib", e->account, (int64_t) e->uid,
                                writer_bytes(&pieces));
        return r;
}

int accounts_add(struct accounts *a, const struct enrolment *e, uint64_t redemptions)
{
        int r = storage_begin(a->db);

        if (r < 0)
                return r;
        if ((r = add_account(a, e, redemptions)) >= 0 && (r = add_gallery(a, e)) >= 0)
                r = storage_commit(a->db);
        if (r < 0)
                storage_rollback(a->db);
        return r;
}

static int unseal_bytes(struct accounts *a, const char *what, const char *account, uid_t uid, struct bytes sealed,
                        struct secret **out)
{
        _cleanup_writer_ struct writer place = WRITER_INIT;

        place_of(what, account, uid, &place);
        int r = unseal(a->key, writer_bytes(&place), sealed, out);

        if (r < 0)
                log_error(
                        "The %s of account %s cannot be opened: it was damaged, or sealed on another machine. Restore "
                        "authd's state directory, its host.key too.",
                        what, account);
        return r;
}

static int unseal_column(struct accounts *a, const char *what, const char *sql, const char *account, uid_t uid,
                         struct secret **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(a->db, &s, sql, "si", account, (int64_t) uid);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        return unseal_bytes(a, what, account, uid, storage_column_bytes(s, 0), out);
}

static int load_template(struct accounts *a, const char *what, const char *account, uid_t uid, struct template *out)
{
        _cleanup_secret_ struct secret *plain = NULL;
        struct reader reader;
        int r = unseal_column(a, what, "SELECT template FROM account WHERE id = ? AND uid = ?", account, uid, &plain);

        if (r < 0)
                return r;
        reader_init(&reader, secret_bytes(plain));
        template_read(&reader, out);
        return reader_finish(&reader);
}

int accounts_template(struct accounts *a, const char *account, uid_t uid, struct template *out,
                      struct rotation **out_rotation)
{
        _cleanup_secret_ struct secret *seed = NULL;
        int r = unseal_column(a, ROTATION, "SELECT rotation FROM account WHERE id = ? AND uid = ?", account, uid,
                              &seed);

        if (r >= 0 && seed->size != ROTATION_SEED_SIZE)
                r = -EBADMSG;
        if (r >= 0)
                r = load_template(a, ROTATED_TEMPLATE, account, uid, out);
        if (r >= 0)
                *out_rotation = rotation_new(seed);
        return r;
}

int accounts_engine(struct accounts *a, const char *account, uid_t uid, enum engine *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(a->db, &s,
                                "SELECT EXISTS (SELECT 1 FROM gallery WHERE gallery.id = account.id AND"
                                " gallery.uid = account.uid) FROM account WHERE id = ? AND uid = ?",
                                "si", account, (int64_t) uid);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *out = storage_column_integer(s, 0) ? ENGINE_LBPH : ENGINE_DEEP;
        return 0;
}

/* The pieces' content, one after the other. */
static int unseal_pieces(struct accounts *a, const char *account, uid_t uid, struct bytes pieces, struct writer *out)
{
        struct reader reader;
        int r = 0;

        reader_init(&reader, pieces);
        unsigned count = read_u8(&reader);

        for (unsigned i = 0; r >= 0 && i < count; i++) {
                _cleanup_secret_ struct secret *plain = NULL;
                char what[PIECE_NAME_SIZE];

                name_piece(what, i, count);
                r = unseal_bytes(a, what, account, uid, read_vector(&reader), &plain);
                if (r >= 0)
                        write_fixed(out, secret_bytes(plain));
        }
        if (r >= 0)
                r = reader_finish(&reader);
        return r < 0 ? r : writer_finish(out);
}

int accounts_gallery(struct accounts *a, const char *account, uid_t uid, struct gallery **out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_writer_ struct writer plain = WRITER_INIT;
        struct gallery *gallery = NULL;
        struct reader reader;
        int r = storage_prepare(a->db, &s, "SELECT pieces FROM gallery WHERE id = ? AND uid = ?", "si", account,
                                (int64_t) uid);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        r = unseal_pieces(a, account, uid, storage_column_bytes(s, 0), &plain);
        if (r >= 0 && !(gallery = gallery_new()))
                r = -ENOMEM;
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&plain));
        gallery_read(&reader, gallery);
        r = reader_finish(&reader);
        if (r < 0)
                gallery_free(gallery);
        else
                *out = gallery;
        return r;
}

static int rotate_old(struct accounts *a, const char *account, uid_t uid)
{
        _cleanup_writer_ struct writer template = WRITER_INIT, sealed_seed = WRITER_INIT;
        _cleanup_secret_ struct secret *seed = secret_random(ROTATION_SEED_SIZE);
        _cleanup_rotation_ struct rotation *rotation = NULL;
        _cleanup_template_ struct template t = { 0 };
        int r = load_template(a, PLAIN_TEMPLATE, account, uid, &t);

        if (r < 0)
                return r == -EBADMSG ? 0 : r; /* it was said; the account is of no use, and the others are */
        rotation = rotation_new(seed);
        rotation_apply_template(rotation, &t);
        if ((r = seal_template(a, account, uid, &t, &template)) < 0 ||
            (r = seal_column(a, ROTATION, account, uid, secret_bytes(seed), &sealed_seed)) < 0)
                return r;
        return storage_run(a->db, "UPDATE account SET template = ?, rotation = ? WHERE id = ?", "bbs",
                           writer_bytes(&template), writer_bytes(&sealed_seed), account);
}

static void empty_log(struct accounts *a)
{
        (void) sqlite3_wal_checkpoint_v2(a->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static int rotate_all_old(struct accounts *a)
{
        char account[ACCOUNT_ID_SIZE] = "";
        int r = 0;

        for (unsigned done = 0; r >= 0; done++) {
                _cleanup_statement_ sqlite3_stmt *s = NULL;

                r = storage_prepare(a->db, &s,
                                    "SELECT id, uid FROM account WHERE rotation IS NULL AND id > ? ORDER BY id LIMIT 1",
                                    "s", account);
                if (r >= 0)
                        r = storage_step(s);
                if (r == 0 && done > 0)
                        empty_log(a); /* it still held what was not rotated */
                if (r <= 0)
                        break;
                (void) snprintf(account, sizeof(account), "%s", storage_column_string(s, 0));
                uid_t uid = (uid_t) storage_column_integer(s, 1);

                s = (sqlite3_finalize(s), NULL);
                r = rotate_old(a, account, uid);
        }
        return r;
}

int accounts_open(const char *directory, struct accounts **out)
{
        _cleanup_free_ char *key = NULL, *path = NULL;
        struct accounts *a = calloc(1, sizeof(*a));

        if (!a || asprintf(&key, "%s/host.key", directory) < 0 || asprintf(&path, "%s/accounts.db", directory) < 0)
                abort(); /* at start, so nothing is lost */
        int r = host_key_open(key, "authd-key", &a->key);

        if (r >= 0)
                r = storage_open(path, migrations, COUNT_OF(migrations), &a->db);
        if (r >= 0)
                r = rotate_all_old(a);
        if (r < 0) {
                accounts_close(a);
                return r;
        }
        *out = a;
        return 0;
}

int accounts_face_secret(struct accounts *a, const char *account, uid_t uid, struct secret **out)
{
        _cleanup_secret_ struct secret *plain = NULL;
        int r = unseal_column(a, FACE_SECRET, "SELECT face_secret FROM account WHERE id = ? AND uid = ?", account, uid,
                              &plain);

        if (r >= 0 && plain->size != FACE_SECRET_SIZE)
                r = -EBADMSG;
        if (r >= 0)
                *out = TAKE(plain);
        return r;
}

int accounts_replace_template(struct accounts *a, const char *account, uid_t uid, const struct template *t)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        int r = seal_template(a, account, uid, t, &sealed);

        if (r >= 0)
                r = storage_run(a->db, "UPDATE account SET template = ? WHERE id = ? AND uid = ?", "bsi",
                                writer_bytes(&sealed), account, (int64_t) uid);
        return r >= 0 && sqlite3_changes(a->db) == 0 ? -ENOENT : r;
}

int accounts_remove(struct accounts *a, const char *account)
{
        int r = storage_run(a->db, "DELETE FROM account WHERE id = ?", "s", account);

        if (r >= 0)
                r = storage_run(a->db, "DELETE FROM gallery WHERE id = ?", "s", account);
        /* What was deleted is overwritten in the database (secure_delete); the log that still holds it is emptied. */
        if (r >= 0)
                empty_log(a);
        return r;
}

int accounts_count_redemption(struct accounts *a, const char *account, uint64_t known, uint64_t *out_count,
                              uint64_t *out_unopened)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        uint64_t own, opened;
        int r = storage_prepare(a->db, &s, "SELECT redemptions, opened FROM account WHERE id = ?", "s", account);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        own = (uint64_t) storage_column_integer(s, 0);
        opened = (uint64_t) storage_column_integer(s, 1);
        if (known > own)
                log_warning(
                        "cryptod knows of %llu redemptions for account %s and we of %llu: authd's state was put back "
                        "from an older copy.",
                        (unsigned long long) known, account, (unsigned long long) own);
        own = (known > own ? known : own) + 1;
        s = (sqlite3_finalize(s), NULL);
        r = storage_run(a->db, "UPDATE account SET redemptions = ? WHERE id = ?", "is", (int64_t) own, account);
        if (r < 0)
                return r;
        *out_count = own;
        *out_unopened = own > opened ? own - opened : 1; /* this one at least */
        return 0;
}

int accounts_opened(struct accounts *a, const char *account)
{
        return storage_run(a->db, "UPDATE account SET opened = redemptions WHERE id = ?", "s", account);
}

int accounts_next(struct accounts *a, uid_t uid, char account[static ACCOUNT_ID_SIZE])
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(a->db, &s, "SELECT id FROM account WHERE uid = ? AND id > ? ORDER BY id LIMIT 1", "is",
                                (int64_t) uid, account);

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                (void) snprintf(account, ACCOUNT_ID_SIZE, "%s", storage_column_string(s, 0));
        return r;
}

int accounts_next_of_all(struct accounts *a, char account[static ACCOUNT_ID_SIZE], uid_t *uid)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(a->db, &s, "SELECT id, uid FROM account WHERE id > ? ORDER BY id LIMIT 1", "s",
                                account);

        if (r >= 0)
                r = storage_step(s);
        if (r > 0) {
                (void) snprintf(account, ACCOUNT_ID_SIZE, "%s", storage_column_string(s, 0));
                *uid = (uid_t) storage_column_integer(s, 1);
        }
        return r;
}

int accounts_count(struct accounts *a, uid_t uid, unsigned *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(a->db, &s, "SELECT count(*) FROM account WHERE uid = ?", "i", (int64_t) uid);

        if (r >= 0)
                r = storage_step(s);
        if (r >= 0)
                *out = (unsigned) storage_column_integer(s, 0);
        return r < 0 ? r : 0;
}

static int load_throttle(struct accounts *a, const char *account, struct throttle *out, uint64_t *turn)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct reader reader;
        int r = storage_prepare(a->db, &s, "SELECT throttle, turn FROM account WHERE id = ?", "s", account);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *turn = (uint64_t) storage_column_integer(s, 1);
        reader_init(&reader, storage_column_bytes(s, 0));
        throttle_read(&reader, out);
        return reader_finish(&reader);
}

static int store_throttle(struct accounts *a, const char *account, const struct throttle *t, uint64_t turn)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;
        int r;

        throttle_write(t, &w);
        r = writer_finish(&w);
        return r < 0 ? r
                     : storage_run(a->db, "UPDATE account SET throttle = ?, turn = ? WHERE id = ?", "bis",
                                   writer_bytes(&w), (int64_t) turn, account);
}

int accounts_wait(struct accounts *a, const char *account, uint64_t *out_usec)
{
        struct boot_time now;
        struct throttle t;
        uint64_t turn;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = load_throttle(a, account, &t, &turn);
        if (r < 0)
                return r;
        *out_usec = throttle_remaining(&t, &now);
        if (*out_usec == UINT64_MAX) {
                uint64_t passed = throttle_passed(&t, &now);

                *out_usec = passed < LOCKED_OUT_USEC ? LOCKED_OUT_USEC - passed : 0;
        }
        return 0;
}

int accounts_count_failure(struct accounts *a, const char *account)
{
        struct boot_time now;
        struct throttle t;
        uint64_t turn;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = load_throttle(a, account, &t, &turn);
        if (r < 0)
                return r;
        throttle_attempt(&t, &now);
        return store_throttle(a, account, &t, turn + 1);
}

int accounts_clear_failures(struct accounts *a, const char *account)
{
        struct throttle t;
        uint64_t turn;
        int r = load_throttle(a, account, &t, &turn);

        return r < 0 ? r : store_throttle(a, account, &(struct throttle){ 0 }, turn + 1);
}

int accounts_failures(struct accounts *a, const char *account, uid_t uid, struct throttle_word *out)
{
        struct throttle t;
        enum engine ignored;
        uint64_t turn;
        int r = accounts_engine(a, account, uid, &ignored); /* whether it is that user's */

        if (r >= 0)
                r = load_throttle(a, account, &t, &turn);
        if (r >= 0)
                *out = (struct throttle_word){ .turn = turn, .failures = t.failures };
        return r;
}

int accounts_adopt_failures(struct accounts *a, const char *account, const struct throttle_word *told)
{
        struct boot_time now;
        struct throttle t;
        uint64_t turn;
        int r = boot_time_now(&now);

        if (r >= 0)
                r = load_throttle(a, account, &t, &turn);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (told->turn <= turn)
                return 0;
        log_warning("cryptod knows of %u failures for account %s and we of %u: the face was enrolled anew, or "
                    "authd's state was put back from an older copy.",
                    told->failures, account, t.failures);
        t.failures = told->failures < THROTTLE_LOCK_OUT ? told->failures : THROTTLE_LOCK_OUT;
        t.since = now;
        return store_throttle(a, account, &t, told->turn);
}
