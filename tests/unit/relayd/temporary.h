/* A directory for one test, and a look into a database as a stranger would take it. */
#pragma once

#include <stdint.h>

/* A new directory of mode 0700; the caller ends it with temporary_remove(). */
char *temporary_directory(void);
void temporary_remove(char *directory);

/* Rows of @table in the SQLite file @path. */
int64_t temporary_count(const char *path, const char *table);
