/* The directory of a vault, STATE/ID: how it comes and goes, and what it means that a file of it is not there. */
#pragma once

#include <stdbool.h>

#include "cryptod/vault/vault.h"

/* The id becomes a file name. */
bool vault_directory_is_id(const char *id);

/* The caller frees it. */
char *vault_directory_path(const char *state_directory, const char *id, const char *name);

/* Makes it for an account, and gives back what vault_reserve() has kept, if it was called. -EINVAL for a malformed id;
 * -EEXIST if there is an account; mkdir(2)'s and open(2)'s errors. */
int vault_directory_make(const char *state_directory, const char *id);

/* An account is in it now. */
void vault_directory_unmark(const char *state_directory, const char *id);

/* What it means that something which makes a vault is not there: -ENOENT, there is no account, or not any more;
 * -EBADMSG, it was lost. */
int vault_directory_missing(const char *state_directory, const char *id);
