/* Opening, migrating and asking SQLite. */
#include "storage.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "log.h"
#include "statements.h"

enum { BUSY_TIMEOUT_MS = 5000 };

/* A migration may rebuild a table that others refer to, so foreign keys are enforced only after it. temp_store keeps
 * what SQLite sorts from reaching a file that is not wiped. */
static const char before_migration[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
        "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;";
static const char after_migration[] = "PRAGMA foreign_keys = ON;";

int storage_errno(int result)
{
        switch (result & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_TOOBIG:
                return -EMSGSIZE;
        default:
                return -EIO;
        }
}

const char *storage_advice(int error)
{
        switch (-error) {
        case ENOSPC:
        case EDQUOT:
                return "its disk is full; make room on it and try again";
        case EROFS:
        case EACCES:
        case EPERM:
                return "its disk or directory cannot be written to; make it writable and try again";
        case EBADMSG:
                return "it is damaged; restore it from a backup";
        case EPROTONOSUPPORT:
                return "a newer version has written it; install that version again";
        case EBUSY:
                return "another process uses it; end that one or try again";
        case ENOMEM:
        case EMFILE:
        case ENFILE:
                return "this machine is out of memory or of open files; end something and try again";
        default:
                return "its disk does not read or write as it should; check it, and the journal";
        }
}

/* A file that SQLite cannot open or write may be so for a reason that can be told. */
static int error_of(sqlite3 *db, int result)
{
        int code = result & 0xff, system;

        if (!db || (code != SQLITE_IOERR && code != SQLITE_CANTOPEN))
                return storage_errno(result);
        system = sqlite3_system_errno(db);
        if (system == ENOSPC || system == EDQUOT)
                return -ENOSPC;
        return system == EROFS || sqlite3_db_readonly(db, "main") == 1 ? -EROFS : storage_errno(result);
}

char *storage_describe(sqlite3 *db, int result)
{
        const char *name = db ? sqlite3_db_filename(db, "main") : NULL;
        const char *path = name && *name ? name : "the database";
        const char *detail = db ? sqlite3_errmsg(db) : sqlite3_errstr(result);
        char *sentence;
        int r;

        switch (error_of(db, result)) {
        case -ENOSPC:
                r = asprintf(&sentence, "The disk that holds %s is full; make room on it and try again.", path);
                break;
        case -EROFS:
                r = asprintf(&sentence, "%s cannot be written to; make its disk and its directory writable.", path);
                break;
        case -EBADMSG:
                r = asprintf(&sentence, "%s is damaged or no database (%s); restore it from a backup.", path, detail);
                break;
        case -EBUSY:
                r = asprintf(&sentence, "%s is in use by another process; stop that one or try again.", path);
                break;
        case -EACCES:
                r = asprintf(&sentence, "%s cannot be opened (%s); check that its directory exists and is ours.", path,
                             detail);
                break;
        default:
                r = asprintf(&sentence, "A request to %s failed (%s); check its disk and the journal.", path, detail);
        }
        return r < 0 ? NULL : sentence;
}

/* Logs and maps the result of a failed call. A constraint is for the caller to explain: it may be expected. */
static int failed(sqlite3 *db, int result)
{
        _cleanup_free_ char *sentence = NULL;
        int r = error_of(db, result);

        if (r == 0 || r == -EEXIST)
                return r;
        sentence = storage_describe(db, result);
        log_error("%s", sentence ? sentence : "A database failed, and no memory is left to say why.");
        return r;
}

int storage_check_room(sqlite3 *db, uint64_t bytes)
{
        const char *path = sqlite3_db_filename(db, "main");
        _cleanup_free_ char *directory = strndup(path, (size_t) (strrchr(path, '/') - path));

        if (!directory)
                abort();
        _cleanup_close_ int fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        int r = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t) bytes);

        return r == EOPNOTSUPP || r == EINVAL || r == EISDIR ? 0 : -r;
}

static int execute(sqlite3 *db, const char *sql)
{
        return failed(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* Mode 0600 from the first instant, and never through a symbolic link. An existing file is not opened here: closing it
 * would drop the locks (fcntl(2)) of another connection of this process. */
static int create_file(const char *path)
{
        struct stat st;

        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (lstat(path, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return -ELOOP;
        return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int ask_integer(sqlite3 *db, const char *sql, int64_t *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(db, &s, sql, "");

        if (r == 0)
                r = storage_step(s);
        if (r < 0)
                return r;
        *out = storage_column_integer(s, 0);
        return 0;
}

/* One step of the schema. The version is read again inside the transaction, for another process may be at it too. */
static int migrate_from(sqlite3 *db, int64_t version, const char *sql)
{
        char set_version[64];
        int64_t current = 0;

        int r = storage_begin(db);
        if (r == 0)
                r = ask_integer(db, "PRAGMA user_version", &current);
        if (r < 0 || current != version)
                return r;

        snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %lld", (long long) version + 1);
        r = sqlite3_exec(db, sql, NULL, NULL, NULL);
        if (r != SQLITE_OK) {
                log_error("%s cannot be brought from schema %lld to %lld (%s); it is left as it was. Report this with "
                          "its "
                          "version.",
                          sqlite3_db_filename(db, "main"), (long long) version, (long long) version + 1,
                          sqlite3_errmsg(db));
                return error_of(db, r);
        }
        return execute(db, set_version);
}

static int migrate(sqlite3 *db, const char *const *migrations, unsigned count)
{
        for (;;) {
                int64_t version = 0;
                int r = ask_integer(db, "PRAGMA user_version", &version);

                if (r < 0)
                        return r;
                if (version < 0 || version > count) {
                        log_error("%s has schema %lld, and this program knows no newer than %u; install the version "
                                  "that wrote it.",
                                  sqlite3_db_filename(db, "main"), (long long) version, count);
                        return -EPROTONOSUPPORT;
                }
                if (version == count)
                        return 0;

                r = migrate_from(db, version, migrations[version]);
                if (r == 0)
                        r = storage_commit(db);
                if (r < 0) {
                        storage_rollback(db);
                        return r;
                }
        }
}

static void close_database(sqlite3 **db)
{
        *db = storage_close(*db);
}

int storage_open(const char *path, const char *const *migrations, unsigned count, sqlite3 **out)
{
        _cleanup_(close_database) sqlite3 *db = NULL;
        int r = create_file(path);

        if (r < 0) {
                log_error("The database %s cannot be opened (%s); check that its directory exists and is ours.", path,
                          strerror(-r));
                return r;
        }
        r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        if (r != SQLITE_OK)
                return failed(db, r);
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

        r = execute(db, before_migration);
        if (r == 0)
                r = migrate(db, migrations, count);
        if (r == 0)
                r = execute(db, after_migration);
        if (r == 0)
                *out = TAKE(db);
        return r;
}

sqlite3 *storage_close(sqlite3 *db)
{
        if (!db)
                return NULL;
        statements_drop(db);
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        /* A statement that is still alive is a bug of its owner, who must finalize it first. */
        int r = sqlite3_close(db);
        assert(r == SQLITE_OK);
        (void) r;
        return NULL;
}

static int bind(sqlite3_stmt *s, const char *types, va_list arguments)
{
        int r = SQLITE_OK;

        assert((size_t) sqlite3_bind_parameter_count(s) == strlen(types));
        for (int i = 1; types[i - 1] && r == SQLITE_OK; i++)
                switch (types[i - 1]) {
                case 'i':
                        r = sqlite3_bind_int64(s, i, va_arg(arguments, int64_t));
                        break;
                case 's':
                        r = sqlite3_bind_text(s, i, va_arg(arguments, const char *), -1, SQLITE_STATIC);
                        break;
                case 'b': {
                        struct bytes b = va_arg(arguments, struct bytes);

                        /* An empty value is not NULL, whatever its view points to. */
                        r = b.size > 0 ? sqlite3_bind_blob64(s, i, b.data, b.size, SQLITE_STATIC)
                                       : sqlite3_bind_zeroblob(s, i, 0);
                        break;
                }
                default:
                        assert(!"a letter that storage_prepare() does not know");
                }
        return r;
}

static int prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *types, va_list arguments)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = SQLITE_OK;

        s = statements_take(db, sql);
        if (!s)
                r = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
        if (r == SQLITE_OK)
                r = bind(s, types, arguments);
        if (r != SQLITE_OK)
                return failed(db, r);
        *out = TAKE(s);
        return 0;
}

int storage_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *types, ...)
{
        va_list arguments;

        va_start(arguments, types);
        int r = prepare(db, out, sql, types, arguments);
        va_end(arguments);
        return r;
}

int storage_run(sqlite3 *db, const char *sql, const char *types, ...)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        va_list arguments;

        va_start(arguments, types);
        int r = prepare(db, &s, sql, types, arguments);
        va_end(arguments);
        if (r < 0)
                return r;
        do
                r = storage_step(s);
        while (r > 0);
        return r;
}

int storage_step(sqlite3_stmt *s)
{
        int r = sqlite3_step(s);

        return r == SQLITE_ROW ? 1 : failed(sqlite3_db_handle(s), r);
}

struct bytes storage_column_bytes(sqlite3_stmt *s, int column)
{
        const void *data = sqlite3_column_blob(s, column);

        return data ? BYTES(data, sqlite3_column_bytes(s, column)) : (struct bytes){ NULL, 0 };
}

const char *storage_column_string(sqlite3_stmt *s, int column)
{
        const unsigned char *text = sqlite3_column_text(s, column);

        return text ? (const char *) text : "";
}

int64_t storage_column_integer(sqlite3_stmt *s, int column)
{
        return sqlite3_column_int64(s, column);
}

int storage_begin(sqlite3 *db)
{
        return storage_run(db, "BEGIN IMMEDIATE", "");
}

int storage_commit(sqlite3 *db)
{
        return storage_run(db, "COMMIT", "");
}

void storage_rollback(sqlite3 *db)
{
        if (!sqlite3_get_autocommit(db))
                (void) storage_run(db, "ROLLBACK", "");
}

void storage_statement_release(sqlite3_stmt **s)
{
        statements_give(*s);
        *s = NULL;
}
