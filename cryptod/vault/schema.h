/* The tables of a vault's database, as each version has changed them (storage_open()). */
#pragma once

extern const char *const vault_migrations[];
extern const unsigned vault_migration_count;
