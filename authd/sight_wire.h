/* What authd and the process that looks tell each other, over a socket of packets; both are of one build. */
#pragma once

#include <limits.h>

#include "authd/camera.h"
#include "authd/models.h"
#include "authd/vision/vision.h"

enum { SIGHT_SOCKET = 3 }; /* the child's end */

/* authd, first of all. With it go file descriptors: the preview's ring and a sealed memfd for each network. */
enum { SIGHT_FDS = 1 + MODEL_COUNT };

struct sight_order {
        struct camera camera; /* its path is the one below */
        char path[PATH_MAX];
        struct manifest manifest; /* of the networks */
};

/* authd, then. */
struct sight_wish {
        unsigned wanted; /* OBSERVE_… */
        bool previewed;
};

/* The child: numbers, and no picture. */
enum sight_kind {
        SIGHT_READY, /* the ring is mapped */
        SIGHT_TIME,  /* no picture came for a while */
        SIGHT_SEEN,
        SIGHT_END, /* there are no pictures any more */
};

struct sight_news {
        enum sight_kind kind;
        int error; /* of SIGHT_END */
        struct observation observation;
};

/* Whether a packet of @size bytes, of which @news holds as much as fits, is one that the child may send. It is not
 * believed: whoever has taken it over may send anything. */
bool sight_news_valid(const struct sight_news *news, size_t size);
