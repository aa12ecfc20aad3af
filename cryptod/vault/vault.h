/* The vault of one account: a directory with a database in which everything is sealed under keys that only its slots
 * give.
 *
 *     vault_create ─▶ unlocked ◀─ vault_unlock ─ locked ◀─ vault_load
 *                        └────── vault_lock ──────▲
 *
 * Locked, it knows whose it is and what its slots are, and no key exists in this process. The vault key itself seals
 * nothing: each table has a key of its own, HKDF-SHA-512(vault key, "visavis vault table v1" ‖ table), and a sealed
 * value is bound to its table and row, so that nobody with the disk can move one to another place. */
#pragma once

#include <sqlite3.h>
#include <sys/types.h>

#include "cryptod/vault/slot.h"
#include "services/address.h"
#include "services/throttle.h"

enum { ACCOUNT_ID_SIZE = 32, VAULT_SLOTS_MAX = 8, ACCOUNT_LABEL_MAX = 64 };

/* Whether a passphrase may open it without a face: what an administrator has decided about this account. */
enum passphrase_alone { PASSPHRASE_AS_CONFIGURED, PASSPHRASE_ALLOWED, PASSPHRASE_REFUSED };

/* What can be known of an account while it is locked. */
struct vault_account {
        char id[ACCOUNT_ID_SIZE + 1]; /* lower-case hex */
        uid_t uid;                    /* the Unix user whose it is */
        char address[ADDRESS_TEXT_MAX];
        char suite[64];                    /* the cipher suite's name */
        uint64_t created;                  /* microseconds since 1970 */
        char label[ACCOUNT_LABEL_MAX + 1]; /* what its owner calls it; UTF-8 */
        uint32_t idle_lock;                /* seconds without a call after which it locks; 0: never */
        enum passphrase_alone passphrase_alone;
};

struct vault;

/* Makes the vault of @account in @state_directory, with one encoded slot and the key that it wraps (which passes over),
 * and leaves it unlocked. A crash before it returns leaves no account behind. -EEXIST, -EINVAL for a malformed id, and
 * what storage_open() returns. */
int vault_create(const char *state_directory, const struct vault_account *account, struct bytes slot,
                 struct secret *vault_key, struct vault **out);

/* Makes its directory, before anything else is made for it: so that a vault which was never finished is found; and
 * keeps as much room on the disk as it will need. -EEXIST, -EINVAL, -ENOSPC, mkdir(2)'s and fsync(2)'s errors. */
int vault_reserve(const char *state_directory, const char *id);

/* The first half of vault_destroy(), for a vault that is loaded, which it locks: its slots and the keys of its cells
 * are gone for good, and that it is being destroyed is on disk: vault_is_destroyed() also after the next vault_load().
 * What storage_run() and cells_wipe() return. */
int vault_erase(struct vault *v);
bool vault_is_destroyed(const struct vault *v);

/* Erases a vault: first its slots and the keys of its cells, so that no copy of a file that is deleted after that can
 * be opened; then all files. No error if there is none. What storage_run(), unlink(2) and rmdir(2) return. */
int vault_destroy(const char *state_directory, const char *id);

/* Deletes the files of one that was never finished, which hold nothing yet. No error if there are none. -EINVAL,
 * unlink(2)'s and rmdir(2)'s errors. */
int vault_discard(const char *state_directory, const char *id);

/* Opens an account's vault, locked. -ENOENT if there is none, or it was never finished or is deleted, and for nothing
 * else: its directory says so; -EBADMSG if it is damaged, or what makes an account is missing; what storage_open()
 * returns. */
int vault_load(const char *state_directory, const char *id, struct vault **out);

/* Zeroes every key and closes the database. NULL is allowed. Returns NULL. */
struct vault *vault_free(struct vault *v);
void vault_release(struct vault **v);
#define _cleanup_vault_ __attribute__((cleanup(vault_release)))

/* Borrowed. */
const struct vault_account *vault_account(const struct vault *v);
sqlite3 *vault_database(struct vault *v);

/* A line of the log about the account, with its id as the field ACCOUNT (services/log.h). */
void vault_log(const struct vault *v, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Stores what the owner has set. @label: at most ACCOUNT_LABEL_MAX bytes. What storage_run() returns. */
int vault_set_label(struct vault *v, const char *label);
int vault_set_idle_lock(struct vault *v, uint32_t seconds);

/* Stores what an administrator has decided. The same errors. */
int vault_set_passphrase_alone(struct vault *v, enum passphrase_alone decision);

/* The encoded slot of a number from 1 to VAULT_SLOTS_MAX, borrowed; empty if there is none. */
struct bytes vault_slot(const struct vault *v, unsigned number);

/* Appends the encoded slots of @kind one after the other, and says their numbers; how many there are. */
unsigned vault_slots_of(const struct vault *v, enum slot_kind kind, struct writer *out,
                        uint8_t numbers[static VAULT_SLOTS_MAX]);

/* Stores a slot in the place of @number, or, if that is 0, in the first free place, and says which in @number. -E2BIG
 * if all are taken; what storage_run() returns. */
int vault_slot_store(struct vault *v, unsigned *number, struct bytes slot);

/* Stores a slot in the place of all of @kind, at once: in that of @number, or, if that is 0, of the first of them, or
 * as vault_slot_store() does if there is none. The same errors. */
int vault_slots_replace(struct vault *v, enum slot_kind kind, unsigned *number, struct bytes slot);

/* Erases a slot, from the write-ahead log too. -ENOENT if there is none, -EPERM for the last one; what storage_run()
 * returns. */
int vault_slot_remove(struct vault *v, unsigned number);

/* Whether a factor may be tried now: 0, or -EAGAIN and how long to wait, UINT64_MAX if the account is locked out. -EIO
 */
int vault_wait(const struct vault *v, uint64_t *wait_usec);

/* How many tickets for this account authd has redeemed, as far as is known here; and what authd says of it with each.
 * What the vault did not know of, its disk having been put back from an older copy, where fewer were counted, counts as
 * wrong factors, but for those before a ticket last opened it: @unopened came after that, this one included. What
 * storage_run() returns, -EIO. */
uint64_t vault_redemptions(const struct vault *v);
int vault_count_redemption(struct vault *v, uint64_t count, uint64_t unopened);

/* Keeps what authd says of its failures, if it is newer than what it has said before, and says in @face which of both
 * is the newer: authd's disk may have been put back from an older copy. @face->turn: at most INT64_MAX. What
 * storage_run() returns. */
int vault_compare_failures(struct vault *v, struct throttle_word *face);

/* Whether the disk takes what an attempt writes, so that one which does not is found out before a ticket is used up for
 * it. What storage_check_room() says. */
int vault_check_room(const struct vault *v);

/* To be called before a factor is tried: counts the attempt on disk. -EAGAIN if it has to wait; @wait_usec says how
 * long, UINT64_MAX if the account is locked out; -EIO and what storage_run() returns. */
int vault_attempt(struct vault *v, uint64_t *wait_usec);

/* Unlocks with the key that a slot gave (which passes over), and ends the counting. What storage_run() returns; the
 * vault stays as it was then. */
int vault_unlock(struct vault *v, struct secret *vault_key);
void vault_lock(struct vault *v);
bool vault_is_unlocked(const struct vault *v);

/* Seals a value for @row of @table (a name that stays), and opens one, into locked memory. -EKEYREVOKED while locked,
 * -EBADMSG if anything differs from what was sealed there. */
int vault_seal(const struct vault *v, const char *table, struct bytes row, struct bytes plain, struct writer *out);
int vault_unseal(const struct vault *v, const char *table, struct bytes row, struct bytes sealed, struct secret **out);

/* What stands in a column in the place of a value, so that its row can be found again and nobody else learns the value:
 * the first bytes of HKDF-SHA-512(table key, salt "visavis vault tag v1", value). -EKEYREVOKED while locked. */
enum { VAULT_TAG_SIZE = 16 };
int vault_tag(const struct vault *v, const char *table, struct bytes value, uint8_t out[static VAULT_TAG_SIZE]);

/* A key of SEAL_KEY_SIZE bytes for something outside of the vault, HKDF-SHA-512(vault key, "visavis vault key for " ‖
 * @purpose ‖ " v1"). -EKEYREVOKED while locked. */
int vault_purpose_key(const struct vault *v, const char *purpose, struct secret **out);

/* A transaction, over the rows and the cells alike: begin, then commit, which is a rollback if it fails, or rollback.
 * -EKEYREVOKED while locked; what storage_begin() and storage_commit() return. */
int vault_begin(struct vault *v);
int vault_commit(struct vault *v);
void vault_rollback(struct vault *v);

/* Within a transaction: what it deletes or overwrites is to be gone from the files when it has committed: from the
 * database it is anyway (secure_delete), but the write-ahead log is then emptied, too. */
void vault_forget(struct vault *v);

/* Cells, for secrets that change and must not be found in the vault's older states (cells.h). New, write and erase
 * belong into a transaction. -EKEYREVOKED while locked, and the errors of cells.h. */
int vault_cell_new(struct vault *v, struct bytes owner, struct bytes content, int64_t *id);
int vault_cell_write(struct vault *v, int64_t id, struct bytes owner, struct bytes content);
int vault_cell_read(struct vault *v, int64_t id, struct bytes owner, struct secret **out);
int vault_cell_erase(struct vault *v, int64_t id);
