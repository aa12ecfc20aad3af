/* The enrolled accounts on disk: whose they are, the face template, the seed of its rotation (rotation.h) and the face
 * secret, sealed, and what failures cost.
 *
 * Each is sealed with the host's key (services/seal.h) and bound to their account, user and column, so that a row
 * cannot be moved to another account or handed to another user. What is stored is stored in one transaction and synced
 * before a function returns. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "authd/rotation.h"
#include "authd/tickets.h"
#include "services/secret.h"
#include "services/throttle.h"

enum { FACE_SECRET_SIZE = 32 };

struct accounts;

/* Opens or creates DIRECTORY/accounts.db and its key. Templates that were stored before there were rotations are
 * rotated. A sentence has been logged on error. */
int accounts_open(const char *directory, struct accounts **out);
struct accounts *accounts_close(struct accounts *a);

/* Whether the disk takes what an attempt writes, or with @enrolment, what enrolling does; what storage_check_room()
 * says. */
int accounts_check_room(struct accounts *a, bool enrolment);

/* Makes an enrolment lasting. @redemptions: accounts_count_redemption(), of an account that is enrolled anew. -EEXIST
 * if there is such an account; errors of storage_errno(). */
int accounts_add(struct accounts *a, const struct enrolment *e, uint64_t redemptions);

/* The template of an account of @uid with its rotation, and its face secret. -ENOENT if that user has no such account,
 * -EBADMSG if the row was damaged or is not this host's; errors of storage_errno(). */
int accounts_template(struct accounts *a, const char *account, uid_t uid, struct template *out,
                      struct rotation **out_rotation);
/* Which engine an account of @uid was enrolled with, and the gallery of one of ENGINE_LBPH; the same errors. */
int accounts_engine(struct accounts *a, const char *account, uid_t uid, enum engine *out);
int accounts_gallery(struct accounts *a, const char *account, uid_t uid, struct gallery **out);

int accounts_face_secret(struct accounts *a, const char *account, uid_t uid, struct secret **out);

/* Puts another template, rotated as the one before, in its place. -ENOENT; errors of storage_errno(). */
int accounts_replace_template(struct accounts *a, const char *account, uid_t uid, const struct template *t);

/* Deletes an account, whoever's it is; no error if there is none. Errors of storage_errno(). */
int accounts_remove(struct accounts *a, const char *account);

/* Counts a redemption, which @known of cryptod's are before: what both daemons know of from now on, and how many there
 * were, this one included, since a ticket last opened the vault. Whichever knew of fewer was put back from an older
 * copy; then a warning is logged, and cryptod lets what it has missed cost what wrong factors cost. -ENOENT; errors of
 * storage_errno(). */
int accounts_count_redemption(struct accounts *a, const char *account, uint64_t known, uint64_t *out_count,
                              uint64_t *out_unopened);

/* The factor that came with the last ticket was good. No error if there is no such account; errors of storage_errno().
 */
int accounts_opened(struct accounts *a, const char *account);

/* Puts the id after @account in place of it, of those of @uid in their order; "" is before the first. 1, or 0 if there
 * is none; errors of storage_errno(). */
int accounts_next(struct accounts *a, uid_t uid, char account[static ACCOUNT_ID_SIZE]);

/* The same of all users; says whose it is. */
int accounts_next_of_all(struct accounts *a, char account[static ACCOUNT_ID_SIZE], uid_t *uid);

/* How many accounts a user has. */
int accounts_count(struct accounts *a, uid_t uid, unsigned *out);

/* How long the next attempt has to wait, in microseconds; 0: not at all. Delays grow as those of services/throttle.h;
 * where that would lock out for good, it is a day: the recovery code that ends cryptod's lock-out is not shown here. */
int accounts_wait(struct accounts *a, const char *account, uint64_t *out_usec);

/* Counts an attempt as failed, and clears the count after one that passed. Each is another turn (throttle.h). -ENOENT;
 * errors of storage_errno(). */
int accounts_count_failure(struct accounts *a, const char *account);
int accounts_clear_failures(struct accounts *a, const char *account);

/* What is to be told cryptod of an account of @uid. -ENOENT; errors of storage_errno(). */
int accounts_failures(struct accounts *a, const char *account, uid_t uid, struct throttle_word *out);

/* What cryptod has been told of an account. If it is newer than what is here, this was put back from an older copy:
 * then it is taken over, with a delay from now on, and a warning is logged. No error if there is no such account;
 * errors of storage_errno(). */
int accounts_adopt_failures(struct accounts *a, const char *account, const struct throttle_word *told);

/* A sentence about the last error of the storage. Belongs to @a. */
const char *accounts_describe(struct accounts *a);
