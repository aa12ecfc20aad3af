/* A view of the SQLite engine: a connection of its own that stays in one read transaction, so that what it counts and
 * copies is of one moment, while the other connections go on. The write-ahead log cannot be emptied meanwhile. */
#include "sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/log.h"

enum { BACKUP_PAGES = 256 /* 1 MiB in a step */, COPY_STEP = 1024 * 1024, PROGRESS_STEPS = 100000 };

struct store_view {
        const struct store *store;
        sqlite3 *db;
        char *path;
};

int store_view_open(const struct store *s, struct store_view **out)
{
        struct store_view *v = calloc(1, sizeof(*v));
        int e;

        if (!v || !(v->path = strdup(s->path))) {
                free(v);
                return -ENOMEM;
        }
        v->store = s;
        e = storage_errno(sqlite3_open_v2(v->path, &v->db, SQLITE_OPEN_READONLY, NULL));
        if (e >= 0) /* the transaction begins with the first table that is read */
                e = storage_errno(sqlite3_exec(
                        v->db, "pragma busy_timeout = 5000; begin; select 1 from accounts limit 1", NULL, NULL, NULL));
        if (e < 0) {
                store_log_failure(v->db, e);
                store_view_close(v);
                return e;
        }
        *out = v;
        return 0;
}

struct store_view *store_view_close(struct store_view *v)
{
        if (!v)
                return NULL;
        sqlite3_close(v->db);
        free(v->path);
        free(v);
        return NULL;
}

static int64_t size_of(const char *path, const char *suffix)
{
        _cleanup_free_ char *name = NULL;
        struct stat st;

        if (asprintf(&name, "%s%s", path, suffix) < 0)
                name = NULL;
        return name && stat(name, &st) == 0 ? st.st_size : 0;
}

/* Of the segments: what they take, for parts of them have been given back. */
static int64_t size_of_segments(const char *path)
{
        _cleanup_free_ char *directory = NULL;
        const struct dirent *entry;
        int64_t bytes = 0;
        struct stat st;
        DIR *d;

        if (asprintf(&directory, "%.*s/chunks", (int) (strrchr(path, '/') - path), path) < 0)
                directory = NULL;
        d = directory ? opendir(directory) : NULL;
        while (d && (entry = readdir(d)))
                if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
                        bytes += (int64_t) st.st_blocks * 512;
        if (d)
                closedir(d);
        return bytes;
}

int store_view_census(struct store_view *v, struct store_census *out)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(v->db, &q,
                                "select (select count(*) from mailboxes), (select count(*) from entries),"
                                " (select ifnull(sum(size), 0) from entries),"
                                " (select ifnull(sum(bytes), 0) from chunk_owners),"
                                " (select count(*) from invitations where uses > 0 and revoked = 0 and until > ?)",
                                "i", now_usec());

        if (e >= 0)
                e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        *out = (struct store_census){
                .accounts = storage_column_integer(q, 0),
                .entries = storage_column_integer(q, 1),
                .bytes = storage_column_integer(q, 2),
                .chunk_bytes = storage_column_integer(q, 3),
                .invitations = storage_column_integer(q, 4),
                .disk_bytes = size_of(v->path, "") + size_of(v->path, "-wal") + size_of(v->path, "-shm") +
                              size_of_segments(v->path),
        };
        return 0;
}

int store_count_accounts(struct store *s, int64_t *out)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->reader, &q, "select count(*) from mailboxes", "");

        if (e >= 0)
                e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EIO;
        *out = storage_column_integer(q, 0);
        return 0;
}

int store_view_accounts(struct store_view *v, bool (*each)(void *userdata, const struct store_account *a),
                        void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(v->db, &q,
                                "select a.name, a.created, " STORE_MAILBOX_COUNTS ", ifnull(c.bytes, 0),"
                                " (select count(*) from key_packages k where k.mailbox = m.id and last_resort = 0)"
                                " from accounts a join mailboxes m on m.account = a.id"
                                " left join chunk_owners c on c.mailbox = m.id order by a.name",
                                "");

        while (e >= 0 && (e = storage_step(q)) > 0) {
                const struct store_account a = {
                        .name = storage_column_string(q, 0),
                        .created_usec = storage_column_integer(q, 1),
                        .entries = storage_column_integer(q, 3),
                        .bytes = storage_column_integer(q, 4),
                        .chunk_bytes = storage_column_integer(q, 5),
                        .key_packages = storage_column_integer(q, 6),
                };

                if (!each(userdata, &a))
                        return 0;
        }
        return e;
}

int store_view_invitations(struct store_view *v, bool (*each)(void *userdata, const struct store_invitation *i),
                           void *userdata)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int64_t now = now_usec();
        int e = storage_prepare(v->db, &q,
                                "select token, uses, created, until, revoked from invitations order by created", "");

        while (e >= 0 && (e = storage_step(q)) > 0) {
                struct bytes token = storage_column_bytes(q, 0);
                struct store_invitation i = {
                        .uses = storage_column_integer(q, 1),
                        .created_usec = storage_column_integer(q, 2),
                        .until_usec = storage_column_integer(q, 3),
                };

                if (token.size != STORE_TOKEN_HASH_SIZE)
                        return -EBADMSG;
                memcpy(i.id, token.data, sizeof(i.id));
                i.refusal = store_refusal_of(i.uses, i.until_usec, storage_column_integer(q, 4) != 0, now);
                i.good = i.refusal == STORE_TOKEN_UNKNOWN;
                if (!each(userdata, &i))
                        return 0;
        }
        return e;
}

/* The copy is made beside the store, under the same name each time: one at a time, and whatever a crash left is found.
 */
static char *copy_path(const char *path, const char *suffix)
{
        char *out;

        return asprintf(&out, "%s.backup%s", path, suffix) < 0 ? NULL : out;
}

void store_drop_copy(const char *path)
{
        static const char *const suffixes[] = { "", "-journal" };

        for (unsigned i = 0; i < COUNT_OF(suffixes); i++) {
                _cleanup_free_ char *name = copy_path(path, suffixes[i]);

                if (name && unlink(name) < 0 && errno != ENOENT)
                        log_warning("%s could not be deleted: %s. Delete it by hand.", name, strerror(errno));
        }
}

struct copying {
        bool (*go_on)(void *userdata, unsigned percent);
        void *userdata;
        unsigned percent;
};

static bool wanted(struct copying *c)
{
        return c->go_on(c->userdata, c->percent);
}

static int on_progress(void *userdata)
{
        return !wanted(userdata);
}

static int copy_pages(struct store_view *v, sqlite3 *to, struct copying *c)
{
        sqlite3_backup *b = sqlite3_backup_init(to, "main", v->db, "main");
        int r = b ? SQLITE_OK : sqlite3_errcode(to);

        while (r == SQLITE_OK && wanted(c)) {
                r = sqlite3_backup_step(b, BACKUP_PAGES);
                int pages = sqlite3_backup_pagecount(b), left = sqlite3_backup_remaining(b);

                c->percent = pages > 0 ? (unsigned) (100LL * (pages - left) / pages) : 0;
        }
        (void) sqlite3_backup_finish(b);
        return r == SQLITE_OK ? -ECANCELED : storage_errno(r);
}

static int check_copy(sqlite3 *copy)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(copy, &q, "pragma integrity_check(1)", "");

        if (e >= 0)
                e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -EBADMSG;
        if (strcmp(storage_column_string(q, 0), "ok") == 0)
                return 0;
        log_error("A backup of the hub's database is damaged, and so the database itself may be: %s.",
                  storage_column_string(q, 0));
        return -EBADMSG;
}

/* Makes of @path one whole file that needs no log beside it. What counts is synced later, so this is not. */
static int make_copy(struct store_view *v, const char *path, struct copying *c)
{
        sqlite3 *copy = NULL;
        int e = storage_errno(sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL));

        if (e >= 0)
                e = storage_errno(sqlite3_exec(copy, "pragma synchronous = off", NULL, NULL, NULL));
        if (e >= 0)
                e = copy_pages(v, copy, c);
        if (e >= 0) {
                sqlite3_progress_handler(copy, PROGRESS_STEPS, on_progress, c);
                e = storage_errno(sqlite3_exec(copy,
                                               "pragma journal_mode = delete;"
                                               "update mailboxes set generation = randomblob(16)",
                                               NULL, NULL, NULL));
        }
        if (e >= 0)
                e = store_embed_chunks(v->store->segments, copy);
        if (e >= 0)
                e = check_copy(copy);
        if (e < 0 && sqlite3_errcode(copy) == SQLITE_INTERRUPT)
                e = -ECANCELED;
        if (e < 0 && e != -ECANCELED && e != -EBADMSG)
                store_log_failure(copy, e);
        sqlite3_close(copy);
        return e;
}

static int copy_file(int from, int to, int64_t *bytes)
{
        _cleanup_free_ uint8_t *buffer = malloc(COPY_STEP);
        ssize_t n;

        if (!buffer)
                return -ENOMEM;
        *bytes = 0;
        while ((n = read(from, buffer, COPY_STEP)) > 0) {
                for (ssize_t done = 0; done < n;) {
                        ssize_t w = write(to, buffer + done, (size_t) (n - done));

                        if (w < 0 && errno != EINTR)
                                return -errno;
                        done += w > 0 ? w : 0;
                }
                *bytes += n;
        }
        return n < 0 || fsync(to) < 0 ? -errno : 0;
}

int store_view_backup(struct store_view *v, int fd, bool (*go_on)(void *userdata, unsigned percent), void *userdata,
                      int64_t *bytes)
{
        struct copying c = { go_on, userdata, 0 };
        _cleanup_free_ char *path = copy_path(v->path, "");
        _cleanup_close_ int copy = -1;
        int e;

        if (!path)
                return -ENOMEM;
        copy = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (copy < 0)
                return errno == EEXIST ? -EBUSY : -errno;
        e = make_copy(v, path, &c);
        if (e >= 0)
                e = copy_file(copy, fd, bytes);
        store_drop_copy(v->path);
        return e;
}
