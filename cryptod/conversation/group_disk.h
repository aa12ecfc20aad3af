/* A group's state in the vault: a row for each of its parts (cryptod/mls/group.h). One with secrets has its content in
 * a cell of its own, so that what it was before is gone from the disk; the others, what every member knows of the tree,
 * are sealed rows. A step of the group writes the parts that it changes. */
#pragma once

#include "cryptod/mls/group.h"
#include "cryptod/vault/vault.h"

/* Within a transaction: stores what has changed in the group of the membership @id. group_save()'s errors. */
int group_disk_save(struct vault *v, int64_t id, struct group *g);

/* Reads it back. -EBADMSG: the vault is damaged; group_read()'s, vault_cell_read()'s and storage errors. */
int group_disk_load(struct vault *v, int64_t id, struct group **out);

/* Within a transaction: erases it. */
int group_disk_erase(struct vault *v, int64_t id);
