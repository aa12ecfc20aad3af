/* Cells: sealed values whose older contents are gone from the disk for good.
 *
 * Deleting a row is not enough to delete a ratchet's secret: SQLite's write-ahead log and the disk's free blocks still
 * hold the old row, sealed under a key that still exists. So each content of a cell is sealed under a key of its own,
 *
 *     key = HKDF-SHA-512(cell key, salt: vault table key, "visavis cell v1")
 *
 * and the cell key, 32 random bytes, stands in a file beside the database which is overwritten in place. A cell has two
 * places there, each a disk sector; even and odd versions take turns:
 *
 *     cell n at n * 1024:   version 2k, 512 bytes │ version 2k + 1, 512 bytes
 *
 *     cells_write: new key into the place of the next version   ─ in the transaction: the row, under the new key
 *     cells_sync: the file is synced                            ─ then the transaction commits
 *     cells_settle: the places of the old versions are zeroed
 *
 * A crash at any point leaves the row that the database has and the key that it needs. What this cannot reach is a copy
 * that the disk itself keeps of an overwritten sector (flash translation, snapshots, copy-on-write file systems):
 * docs/threat-model.md. */
#pragma once

#include <sqlite3.h>

#include "services/bytes.h"
#include "services/secret.h"

struct cells;

/* Opens or creates the file of cell keys at @path, for the table cell(id, version, content) of @db, which is borrowed,
 * and zeroes the keys that a crash left behind. Errors: open(2)'s, pwrite(2)'s, storage_step()'s. */
int cells_open(sqlite3 *db, const char *path, struct cells **out);

/* NULL is allowed. Returns NULL. */
struct cells *cells_free(struct cells *c);

/* Within a transaction. New: takes an empty cell and says its id. Write: replaces a cell's content, from 0 to
 * SECRET_SIZE_MAX bytes; @owner says whose it is, and only who says the same can read it. Erase: empties it.
 * @table_key: the vault's, for cells. -ENOENT for a cell that is not there; else what pwrite(2) or storage_run()
 * return. */
int cells_new(struct cells *c, int64_t *id);
int cells_write(struct cells *c, const struct secret *table_key, int64_t id, struct bytes owner, struct bytes content);
int cells_erase(struct cells *c, int64_t id);

/* -ENOENT, -EBADMSG if the row, its key or its owner is not the one that was written, pread(2)'s errors. */
int cells_read(struct cells *c, const struct secret *table_key, int64_t id, struct bytes owner, struct secret **out);

/* Zeroes all keys, so that no cell can be read again. pwrite(2)'s and fdatasync(2)'s errors. */
int cells_wipe(struct cells *c);

/* Before a transaction commits: makes the new keys last. What fdatasync(2) says. */
int cells_sync(struct cells *c);

/* When it has ended: zeroes the keys that nothing needs any more. If nobody knows how it ended (a commit that failed),
 * nothing is zeroed until the cell is written again. */
enum transaction_end { TRANSACTION_COMMITTED, TRANSACTION_ROLLED_BACK, TRANSACTION_UNKNOWN };
void cells_settle(struct cells *c, enum transaction_end end);
