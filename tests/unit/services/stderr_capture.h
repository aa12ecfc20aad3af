/* What a piece of a test writes to standard error. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka_headers.h"

struct capture {
        int saved;
        int memory;
        char text[4096];
};

static inline void capture_begin(struct capture *c)
{
        c->saved = dup(STDERR_FILENO);
        c->memory = memfd_create("stderr", MFD_CLOEXEC);
        assert_true(c->saved >= 0 && c->memory >= 0);
        assert_true(dup2(c->memory, STDERR_FILENO) >= 0);
}

static inline const char *capture_end(struct capture *c)
{
        ssize_t n = pread(c->memory, c->text, sizeof(c->text) - 1, 0);

        assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
        close(c->saved);
        close(c->memory);
        assert_true(n >= 0);
        c->text[n] = '\0';
        return c->text;
}
