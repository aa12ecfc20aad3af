/* Databases that earlier versions left, kept as SQL (tests/unit/keep_version). Every failure ends the test. */
#pragma once

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/cmocka_headers.h"

/* All of the file @directory/@version.@kind: NUL-terminated, freed by the caller. */
static inline char *earlier_file(const char *directory, unsigned version, const char *kind, size_t *size)
{
        char path[512], *content = NULL;
        size_t length = 0;

        (void) snprintf(path, sizeof(path), "%s/%u.%s", directory, version, kind);
        FILE *in = fopen(path, "re"), *out = open_memstream(&content, &length);
        if (!in)
                fail_msg("There is no %s: what that version leaves has to be kept.", path);
        for (int c; (c = fgetc(in)) != EOF;)
                (void) fputc(c, out);
        fclose(in);
        assert_int_equal(fclose(out), 0);
        if (size)
                *size = length;
        return content;
}

/* Makes the database of that version at @path. */
static inline void earlier_database(const char *directory, unsigned version, const char *path)
{
        char *sql = earlier_file(directory, version, "sql", NULL);
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        free(sql);
}
