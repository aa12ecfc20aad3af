/* The ring of camera pictures of an attempt, read (docs/dbus/auth1.md has its layout).
 *
 * authd writes while this end reads, so each picture is copied and taken only if its sequence number is the same before
 * and after (a seqlock). What the memfd holds is checked as bytes from outside: whatever stands there, nothing beyond
 * the mapping is read. */
#pragma once

#include <stdint.h>

/* Limits on what is believed. */
enum { PREVIEW_SIDE_MAX = 4096, PREVIEW_SLOTS_MAX = 64, PREVIEW_SIZE_MAX = 256 * 1024 * 1024 };

struct preview;

struct preview_picture {
        const uint8_t *pixels; /* height × stride bytes: B, G, R and an unused byte a pixel, rows from the top */
        uint32_t width;
        uint32_t height;
        uint32_t stride;
};

/* Maps the ring behind @fd, which stays the caller's. Errors: -EBADMSG if it is no ring or may still shrink, or what
 * fstat(2) and mmap(2) say. */
int preview_open(int fd, struct preview **out);
struct preview *preview_free(struct preview *p);

enum preview_news {
        PREVIEW_SAME, /* nothing since the last one that was taken */
        PREVIEW_NEW,  /* *out has been set; valid until the next call with this preview */
        PREVIEW_NONE, /* there is no picture yet, or none any more */
};

/* Takes the newest whole picture. @out is set only with PREVIEW_NEW. */
enum preview_news preview_take(struct preview *p, struct preview_picture *out);
