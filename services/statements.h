/* Statements that were prepared and are not in use, so that they need not be prepared again: that takes SQLite longer
 * than most of ours take to run. As many as STATEMENTS_MAX are kept for all databases of the process; the one that was
 * used longest ago gives way. Any thread may call these. */
#pragma once

#include <sqlite3.h>

enum { STATEMENTS_MAX = 128 };

/* A statement of @sql on @db that is not in use, with nothing bound, or NULL. It is the caller's. */
sqlite3_stmt *statements_take(sqlite3 *db, const char *sql);

/* Takes over one that is not needed any more: what is bound to it is forgotten, and its transaction ends if it was only
 * read. NULL is allowed. */
void statements_give(sqlite3_stmt *s);

/* Finalizes those of @db, which is to be closed. */
void statements_drop(sqlite3 *db);
