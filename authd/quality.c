/* See quality.h. The limits are wide: they keep out what the networks cannot read, and a face that they can read badly
 * fails the match by itself. Measured on the demo's 22 faces: brightness 57 to 166, sharpness 52 to 588. */
#include "authd/quality.h"

#include <math.h>

static const double SIZE_MIN = 80; /* pixels; the embedding is made of 112 */
static const double RIVAL = 0.45;
static const double EDGE = 0.005;
static const double BLACK = 12; /* a whole picture: no light, or a lens that is covered */
static const double DARK = 35, BRIGHT = 225, SHARP = 15;
static const double YAW_MAX = 25, PITCH_MAX = 25, ROLL_MAX = 25;

bool quality_rival(const struct observation *o)
{
        return o->rival >= RIVAL;
}

enum quality quality_of_turned(const struct observation *o)
{
        const struct box *b = &o->box;

        if (o->faces == 0)
                return o->brightness < BLACK ? QUALITY_TOO_DARK : QUALITY_NO_FACE;
        if (quality_rival(o))
                return QUALITY_SEVERAL_FACES;
        if (o->size < SIZE_MIN)
                return QUALITY_TOO_FAR;
        if (b->x < EDGE || b->y < EDGE || b->x + b->width > 1 - EDGE || b->y + b->height > 1 - EDGE)
                return QUALITY_OFF_EDGE;
        if (o->brightness < DARK)
                return QUALITY_TOO_DARK;
        if (o->brightness > BRIGHT)
                return QUALITY_TOO_BRIGHT;
        return o->sharpness >= SHARP ? QUALITY_GOOD : QUALITY_BLURRED;
}

enum quality quality_of(const struct observation *o)
{
        enum quality q = quality_of_turned(o);

        if (q != QUALITY_GOOD)
                return q;
        if ((o->observed & OBSERVE_POSE) &&
            !(fabs(o->yaw) <= YAW_MAX && fabs(o->pitch) <= PITCH_MAX && fabs(o->roll) <= ROLL_MAX))
                return QUALITY_TURNED_AWAY;
        return QUALITY_GOOD;
}

const char *quality_name(enum quality q)
{
        static const char *const names[] = {
                [QUALITY_GOOD] = "good",
                [QUALITY_NO_FACE] = "no-face",
                [QUALITY_SEVERAL_FACES] = "several-faces",
                [QUALITY_TOO_FAR] = "small",
                [QUALITY_OFF_EDGE] = "off-edge",
                [QUALITY_TOO_DARK] = "dark",
                [QUALITY_TOO_BRIGHT] = "bright",
                [QUALITY_BLURRED] = "blurred",
                [QUALITY_TURNED_AWAY] = "turned",
                [QUALITY_OCCLUDED] = "occluded",
        };

        return names[q];
}

const char *quality_hint(enum quality q)
{
        switch (q) {
        case QUALITY_NO_FACE:
                return "No face is visible. Sit before the camera.";
        case QUALITY_SEVERAL_FACES:
                return "More than one face is visible. Only you may be before the camera.";
        case QUALITY_TOO_FAR:
                return "Your face is too small. Come closer.";
        case QUALITY_OFF_EDGE:
                return "Your face is partly outside the picture. Move to its middle.";
        case QUALITY_TOO_DARK:
                return "It is too dark. Turn on a light before you, and see that nothing covers the camera.";
        case QUALITY_TOO_BRIGHT:
                return "It is too bright. Turn away from the strong light.";
        case QUALITY_BLURRED:
                return "The picture is blurred. Hold still, and wipe the lens.";
        case QUALITY_TURNED_AWAY:
                return "Look straight into the camera.";
        case QUALITY_OCCLUDED:
                return "Something is before your face. Take away what covers it.";
        case QUALITY_GOOD:
                break;
        }
        return "";
}
