/* Identification: whose of a Unix user's accounts a face is. It opens nothing, and says nothing of other users. */
#pragma once

#include "authd/accounts.h"

enum { IDENTIFICATION_MAX = 64 }; /* accounts that are looked through */

struct identification {
        unsigned count;
        char account[IDENTIFICATION_MAX][ACCOUNT_ID_SIZE]; /* those that match, the best first */
};

/* Compares @seen, embeddings of one face that are not rotated, with the accounts of @uid; a median of @match (a cosine)
 * is needed. Accounts that have to wait after failures are left out. Where none matches, it is counted as a failure of
 * each, as a verification of each would be: otherwise faces could be tried for nothing. -EAGAIN: all have to wait;
 * errors of storage_errno(). */
int identification_make(struct accounts *a, uid_t uid, const struct template *seen, double match,
                        struct identification *out);
