/* See checkpoint.h. */
#include "checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"
#include "services/thread.h"

enum {
        WAL_PAGES = 4000, /* 16 MiB: worth folding back */
        WAL_PAGES_MAX =
                64000, /* 256 MiB: the thread does not keep up, so the committing thread has to wait for it after all */
};

struct checkpoint {
        sqlite3 *db; /* of the committing thread */
        sqlite3 *own;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool wanted, stopping;
};

static void *work(void *userdata)
{
        struct checkpoint *c = userdata;

        (void) pthread_mutex_lock(&c->lock);
        while (!c->stopping) {
                if (!c->wanted) {
                        (void) pthread_cond_wait(&c->wake, &c->lock);
                        continue;
                }
                c->wanted = false;
                (void) pthread_mutex_unlock(&c->lock);
                int r = sqlite3_wal_checkpoint_v2(c->own, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

                if (r != SQLITE_OK && r != SQLITE_BUSY)
                        log_warning("The hub's log could not be folded back into its database (%s); it will be tried "
                                    "again.",
                                    sqlite3_errstr(r));
                (void) pthread_mutex_lock(&c->lock);
        }
        (void) pthread_mutex_unlock(&c->lock);
        return NULL;
}

/* Called by SQLite after each commit. */
static int on_commit(void *userdata, sqlite3 *db, const char *name, int pages)
{
        struct checkpoint *c = userdata;

        if (pages >= WAL_PAGES_MAX)
                (void) sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        else if (pages >= WAL_PAGES) {
                (void) pthread_mutex_lock(&c->lock);
                c->wanted = true;
                (void) pthread_cond_signal(&c->wake);
                (void) pthread_mutex_unlock(&c->lock);
        }
        return SQLITE_OK;
}

int checkpoint_start(sqlite3 *db, const char *path, struct checkpoint **out)
{
        struct checkpoint *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->db = db;
        (void) pthread_mutex_init(&c->lock, NULL);
        (void) pthread_cond_init(&c->wake, NULL);
        r = storage_errno(sqlite3_open_v2(path, &c->own, SQLITE_OPEN_READWRITE, NULL));
        if (r >= 0)
                r = thread_start(&c->thread, NULL, work, c);
        if (r < 0) {
                sqlite3_close(c->own);
                free(c);
                return r;
        }
        sqlite3_wal_hook(db, on_commit, c); /* replaces the automatic checkpoint */
        *out = c;
        return 0;
}

void checkpoint_stop(struct checkpoint *c)
{
        if (!c)
                return;
        sqlite3_wal_hook(c->db, NULL, NULL);
        (void) pthread_mutex_lock(&c->lock);
        c->stopping = true;
        (void) pthread_cond_signal(&c->wake);
        (void) pthread_mutex_unlock(&c->lock);
        (void) pthread_join(c->thread, NULL);
        (void) pthread_cond_destroy(&c->wake);
        (void) pthread_mutex_destroy(&c->lock);
        sqlite3_close(c->own);
        free(c);
}
