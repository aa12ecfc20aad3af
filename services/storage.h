/* SQLite, opened the way that every one of our databases is opened: WAL, synchronous=FULL, secure_delete,
 * foreign keys, a busy time-out, mode 0600, and brought to the newest schema by migrations. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#include "bytes.h"

#define _cleanup_statement_ __attribute__((cleanup(storage_statement_release)))

/* Opens or creates @path. @migrations[i] is the SQL that leads from schema i to i + 1 (PRAGMA user_version), each run
 * in one transaction with the version's change; @count is their number. A database newer than @count is refused with
 * -EPROTONOSUPPORT. Other errors: see storage_errno(). A sentence has been logged. */
int storage_open(const char *path, const char *const *migrations, unsigned count, sqlite3 **out);

/* Checkpoints and closes. Returns NULL. */
sqlite3 *storage_close(sqlite3 *db);

/* Maps an SQLite result to a negative errno: -ENOSPC, -EROFS, -EIO, -EBADMSG (damaged), -EEXIST (constraint), -ENOMEM,
 * -EBUSY, -EACCES, -EMSGSIZE. 0 for SQLITE_OK/ROW/DONE. Never -ENOENT: that something is not there is for a query to
 * find. Functions below refine -EIO by what the system said. */
int storage_errno(int result);

/* What is the matter with a disk and what to do about it, the end of a sentence for a person: "its disk is full; make
 * room on it and try again". @error: a negative errno of these functions, or of a file's. */
const char *storage_advice(int error);

/* Whether the disk that @db is on takes @bytes more, so that one which does not is found out before something is begun
 * that would end with it: 0, or what open(2) and posix_fallocate(3) say: -ENOSPC, -EDQUOT, -EROFS, -EIO. 0 where it
 * cannot be asked. */
int storage_check_room(sqlite3 *db, uint64_t bytes);

/* A sentence for a person about a failed call: what happened to which file and what to do ("The disk that holds … is
 * full; …"). Belongs to the caller, who frees it. */
char *storage_describe(sqlite3 *db, int result);

/* Prepares @sql and binds the arguments after it by @types, a letter each: i = int64_t, s = const char * (NULL is
 * SQL NULL), b = struct bytes. Views must outlive the statement. Those that were released are used again
 * (statements.h).
 */
int storage_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *types, ...);

/* Prepares, binds and runs a statement that returns no rows. */
int storage_run(sqlite3 *db, const char *sql, const char *types, ...);

/* Steps: 1 for a row, 0 for the end, negative errno. */
int storage_step(sqlite3_stmt *s);

/* A column of the current row as a view, valid until the next step. */
struct bytes storage_column_bytes(sqlite3_stmt *s, int column);
const char *storage_column_string(sqlite3_stmt *s, int column); /* "" for NULL */
int64_t storage_column_integer(sqlite3_stmt *s, int column);

/* BEGIN IMMEDIATE; COMMIT; ROLLBACK. storage_rollback() does nothing outside a transaction. */
int storage_begin(sqlite3 *db);
int storage_commit(sqlite3 *db);
void storage_rollback(sqlite3 *db);

/* For _cleanup_statement_: nothing is bound any more, and what was read need not be kept for it. */
void storage_statement_release(sqlite3_stmt **s);
