/* See statements.h. */
#include "statements.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

static struct kept {
        sqlite3 *db;
        sqlite3_stmt *statement; /* NULL: the place is free */
        uint32_t hash;           /* of its text */
        uint64_t since;          /* when it was given, in turns */
} kept[STATEMENTS_MAX];

static uint64_t turns;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a. */
static uint32_t hash_of(const char *sql)
{
        uint32_t hash = 2166136261U;

        for (; *sql; sql++)
                hash = (hash ^ (uint8_t) *sql) * 16777619U;
        return hash;
}

sqlite3_stmt *statements_take(sqlite3 *db, const char *sql)
{
        uint32_t hash = hash_of(sql);
        sqlite3_stmt *found = NULL;

        pthread_mutex_lock(&mutex);
        for (struct kept *k = kept; !found && k < kept + STATEMENTS_MAX; k++) {
                if (k->hash != hash || k->db != db || !k->statement || strcmp(sqlite3_sql(k->statement), sql) != 0)
                        continue;
                found = k->statement;
                k->statement = NULL;
        }
        pthread_mutex_unlock(&mutex);
        return found;
}

/* A free place, or else that of the one that was used longest ago. */
static struct kept *place(void)
{
        struct kept *oldest = kept;

        for (struct kept *k = kept; k < kept + STATEMENTS_MAX && oldest->statement; k++) {
                if (!k->statement || k->since < oldest->since)
                        oldest = k;
        }
        return oldest;
}

void statements_give(sqlite3_stmt *s)
{
        sqlite3_stmt *dropped;
        struct kept *k;

        if (!s)
                return;
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        pthread_mutex_lock(&mutex);
        k = place();
        dropped = k->statement;
        *k = (struct kept){ sqlite3_db_handle(s), s, hash_of(sqlite3_sql(s)), ++turns };
        pthread_mutex_unlock(&mutex);
        sqlite3_finalize(dropped);
}

void statements_drop(sqlite3 *db)
{
        pthread_mutex_lock(&mutex);
        for (struct kept *k = kept; k < kept + STATEMENTS_MAX; k++) {
                if (k->db != db)
                        continue;
                sqlite3_finalize(k->statement);
                *k = (struct kept){ 0 };
        }
        pthread_mutex_unlock(&mutex);
}
