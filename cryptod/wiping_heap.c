/* What this process frees is wiped.
 *
 * A message that is shown passes through buffers of libsystemd, which grow by moving and are freed as they are: long
 * after an account was locked its texts could be read in the heap. So free(3) and realloc(3) are replaced here, for
 * every library of the process, as glibc provides for; what they stand on is glibc's own. Keys do not need it: they are
 * struct secret. (mallopt(3)'s M_PERTURB would be simpler, but misses what goes into the thread's cache.) */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifndef __SANITIZE_ADDRESS__ /* it has a heap of its own, which these would not fit */

/* glibc maps blocks of this size by themselves (DEFAULT_MMAP_THRESHOLD_MAX), and unmaps them when they are freed. */
enum { MAPPED_SIZE = 32 * 1024 * 1024 };

void __libc_free(void *p);
void *__libc_realloc(void *p, size_t size);

void free(void *p)
{
        size_t size = malloc_usable_size(p);

        if (size > 0 && size < MAPPED_SIZE)
                explicit_bzero(p, size);
        __libc_free(p);
}

void *realloc(void *p, size_t size)
{
        size_t old = malloc_usable_size(p);
        void *moved;

        if (size == 0 && p) {
                free(p);
                return NULL;
        }
        if (!p || old >= MAPPED_SIZE)
                return __libc_realloc(p, size);
        if (size <= old && size >= old / 2)
                return p;
        moved = malloc(size);
        if (!moved)
                return NULL;
        memcpy(moved, p, size < old ? size : old);
        free(p);
        return moved;
}

#endif
