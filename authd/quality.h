/* Whether a picture of a face is good enough to recognise it by (ISO/IEC 29794-5 names the same reasons). */
#pragma once

#include <stdbool.h>

#include "authd/vision/vision.h"

enum quality {
        QUALITY_GOOD,
        QUALITY_NO_FACE,
        QUALITY_SEVERAL_FACES,
        QUALITY_TOO_FAR,
        QUALITY_OFF_EDGE, /* partly outside the picture */
        QUALITY_TOO_DARK,
        QUALITY_TOO_BRIGHT,
        QUALITY_BLURRED,
        QUALITY_TURNED_AWAY,
        QUALITY_OCCLUDED, /* it does not look like itself: something is before it */
};

/* The first reason why @o is not good, or QUALITY_GOOD. @o has landmarks; pose is looked at if it was observed. */
enum quality quality_of(const struct observation *o);

/* The same without a look at the pose, for a head that is asked to turn. */
enum quality quality_of_turned(const struct observation *o);

/* "good", "no-face" and so on: the names on the bus. */
const char *quality_name(enum quality q);

/* What to do about it, as a sentence for a person; "" for QUALITY_GOOD. */
const char *quality_hint(enum quality q);

/* Whether there is another face, large enough to be a second person before the camera rather than a passer-by. */
bool quality_rival(const struct observation *o);
