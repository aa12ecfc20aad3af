/* The same face from picture to picture: it may neither jump, nor be away for long, nor become another's. Otherwise one
 * person could do the challenge and a photograph of another be matched. */
#pragma once

#include <stdbool.h>

#include "authd/vision/vision.h"

enum track_result {
        TRACK_SAME,
        TRACK_UNSURE, /* not in this picture: no face, or one that jumped or looks different; the next ones tell */
        TRACK_LOST,   /* away for too long */
        TRACK_OTHER,  /* another face, in several pictures */
};

struct track {
        bool begun;
        float reference[EMBEDDING_SIZE]; /* of the face as it was when the track began */
        struct box box;
        uint64_t seen; /* when it was last the same, microseconds */
        unsigned others, patience;
};

/* Begins with the face in @o, which has an embedding and looks straight. @patience: in how many pictures it may look
 * different, as when a hand goes before it, until it is another; it may be away for longer then. 0: as few as an error
 * of the networks needs. */
void track_begin(struct track *t, const struct observation *o, unsigned patience, uint64_t now);

/* Follows the face to the next picture. @turned: how far, in degrees, the head has turned since the beginning; a turned
 * face looks less like itself. The embedding is compared if it was observed. */
enum track_result track_follow(struct track *t, const struct observation *o, double turned, uint64_t now);

void track_wipe(struct track *t);
