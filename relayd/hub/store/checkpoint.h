/* Folds SQLite's write-ahead log back into the database in a thread of its own, so that no commit waits for it: done by
 * the committing thread it costs the unlucky one 15 to 50 ms. */
#pragma once

#include <sqlite3.h>

struct checkpoint;

/* Takes the job over from @db (SQLite's own automatic checkpoint is switched off there), the database at @path.
 * -ENOMEM, -EAGAIN, storage_errno(). */
int checkpoint_start(sqlite3 *db, const char *path, struct checkpoint **out);

/* Ends the thread; call it before @db is closed. */
void checkpoint_stop(struct checkpoint *c);
