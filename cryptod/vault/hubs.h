/* The further hubs of an account, beside the one of its address: its name on each, in the order of its preference. They
 * can be known while it is locked, as the address can. */
#pragma once

#include "cryptod/vault/vault.h"

enum { HUBS_MAX = 7 };

struct vault_hub {
        unsigned number; /* from 1 on: by which relayd knows it */
        char address[ADDRESS_TEXT_MAX];
};

/* How many there are; what storage_step() returns. */
int vault_hubs(struct vault *v, struct vault_hub out[static HUBS_MAX]);

/* Adds one as the last, under a number that no other has. -E2BIG; what storage_run() returns. */
int vault_hub_add(struct vault *v, const struct vault_hub *hub);

/* -ENOENT if there is none of that number; what storage_run() returns. */
int vault_hub_remove(struct vault *v, unsigned number);

/* Has those numbers come in that order, before all others. */
int vault_hubs_order(struct vault *v, const unsigned *numbers, size_t count);
