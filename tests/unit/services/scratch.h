/* A directory for one test, made by the setup and removed with all that is in it by the teardown of a cmocka test. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_headers.h"

static char scratch[64];

static inline int scratch_setup(void **state)
{
        strcpy(scratch, "/tmp/visavis-test-XXXXXX");
        return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
        return remove(path);
}

static inline int scratch_teardown(void **state)
{
        return nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in it, valid until the test frees it. */
static inline char *scratch_path(const char *name)
{
        char *path;

        assert_true(asprintf(&path, "%s/%s", scratch, name) > 0);
        return path;
}

static inline void scratch_write(const char *name, const void *content, size_t size)
{
        char *path = scratch_path(name);
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(content, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
        free(path);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
