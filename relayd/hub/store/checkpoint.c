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
        FOLD_PAGES = 4000, /* 16 MiB: worth folding back */
        REST_PAGES = 8000, /* few enough for the committing thread: of the same pages, mostly, again and again */
        LOG_PAGES_MAX =
                64000, /* 256 MiB: the thread does not keep up, so the committing thread has to do it after all */
};

struct checkpoint {
        sqlite3 *db; /* of the committing thread */
        sqlite3 *own;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        bool wanted; /* of the thread: a round, under way or to be made */
        bool ready;  /* it has made one, and the rest was not tried since */
        bool stopping;
        int folded; /* pages of the log that are in the database */
};

/* Folds back what is in the log by now. */
static int fold(sqlite3 *db, int *folded)
{
        int pages, done, r = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

        if (r == SQLITE_OK)
                *folded = done;
        else if (r != SQLITE_BUSY)
                log_warning("The hub's log could not be folded back into its database (%s); it will be tried again.",
                            sqlite3_errstr(r));
        return r;
}

static void *work(void *userdata)
{
        struct checkpoint *c = userdata;

        (void) pthread_mutex_lock(&c->lock);
        while (!c->stopping) {
                int folded;

                if (!c->wanted) {
                        (void) pthread_cond_wait(&c->wake, &c->lock);
                        continue;
                }
                (void) pthread_mutex_unlock(&c->lock);
                int r = fold(c->own, &folded);

                (void) pthread_mutex_lock(&c->lock);
                c->wanted = false;
                c->ready = r == SQLITE_OK;
                if (c->ready)
                        c->folded = folded;
        }
        (void) pthread_mutex_unlock(&c->lock);
        return NULL;
}

/* Called by SQLite after each commit. The log starts anew, instead of growing, once a commit finds all of it folded
 * back. While commits come without a pause, the thread is always a little behind: so the rest is for this one. */
static int on_commit(void *userdata, sqlite3 *db, const char *name, int pages)
{
        struct checkpoint *c = userdata;

        (void) pthread_mutex_lock(&c->lock);
        if (c->folded > pages)
                c->folded = 0; /* it has started anew */
        int left = pages - c->folded;

        if ((c->ready && left <= REST_PAGES) || (pages >= LOG_PAGES_MAX && !c->wanted)) {
                c->ready = false;
                (void) fold(db, &c->folded);
        } else if (left >= FOLD_PAGES || (c->ready && left > REST_PAGES)) {
                c->ready = false;
                c->wanted = true;
                (void) pthread_cond_signal(&c->wake);
        }
        (void) pthread_mutex_unlock(&c->lock);
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
