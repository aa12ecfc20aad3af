/* Attributes that release what a local variable owns when it leaves its scope, so that no function needs a goto ladder.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Ends the ownership of a variable: returns its value and leaves NULL (or @empty) behind. */
#define TAKE(v)                                                                                                        \
        ({                                                                                                             \
                __typeof__(v) taken_ = (v);                                                                            \
                (v) = NULL;                                                                                            \
                taken_;                                                                                                \
        })
#define TAKE_FD(fd)                                                                                                    \
        ({                                                                                                             \
                int taken_ = (fd);                                                                                     \
                (fd) = -1;                                                                                             \
                taken_;                                                                                                \
        })

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void cleanup_free(void *p)
{
        free(*(void **) p);
}

static inline void cleanup_close(const int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
        if (*f)
                fclose(*f);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
