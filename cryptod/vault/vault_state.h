/* What the parts of a vault share: vault.c makes it and has its keys, vault_slots.c the slots, attempts.c what wrong
 * factors cost, seals.c what is stored under the keys. */
#pragma once

#include "cryptod/vault/cells.h"
#include "cryptod/vault/vault.h"

enum { TABLES_MAX = 24 };

struct table_key {
        const char *table;
        struct secret *key;
};

struct vault {
        struct vault_account account;
        sqlite3 *db;
        struct cells *cells;
        struct writer slots[VAULT_SLOTS_MAX + 1]; /* by number */
        struct throttle throttle;
        uint64_t redemptions;         /* of tickets at authd */
        struct throttle_word face;    /* authd's */
        bool destroyed;               /* its slots are gone, the rest has to follow */
        bool forget;                  /* vault_forget(), in the transaction under way */
        struct secret *key;           /* NULL while locked */
        struct table_key *table_keys; /* TABLES_MAX, made as they are needed; NULL while locked */
};

/* vault.c: empties the write-ahead log, in which what was erased still is. */
void vault_empty_log(struct vault *v);

/* vault_slots.c and attempts.c: read their part when a vault is loaded. -EBADMSG if it is damaged; what storage_step()
 * returns. */
int vault_slots_read(struct vault *v);
int vault_attempts_read(struct vault *v);

/* attempts.c: stores that nobody has failed. What storage_run() returns. */
int vault_attempts_clear(struct vault *v);
