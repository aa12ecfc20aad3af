/* See temporary.h. */
#include "temporary.h"

#include <assert.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *temporary_directory(void)
{
        char *path = strdup("/tmp/visavis-relayd-XXXXXX");

        if (!path || !mkdtemp(path))
                abort();
        return path;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void temporary_remove(char *directory)
{
        (void) nftw(directory, drop, 8, FTW_DEPTH | FTW_PHYS);
        free(directory);
}

int64_t temporary_count(const char *path, const char *table)
{
        sqlite3_stmt *statement = NULL;
        sqlite3 *db = NULL;
        char sql[200];
        int64_t count = -1;

        (void) snprintf(sql, sizeof(sql), "select count(*) from %s", table);
        if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
                count = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(db);
        return count;
}
