/* See heading.h. */
#include "authd/heading.h"

#include <math.h>

enum { NOSE_TIP = 30, LEFT_CORNER = 36, RIGHT_CORNER = 45 };

static const double PROMINENCE = 43.0 / 92;

double heading_of(const struct point landmark[static LANDMARKS])
{
        double left = landmark[LEFT_CORNER].x, right = landmark[RIGHT_CORNER].x, width = right - left;

        return width > 1 ? atan((landmark[NOSE_TIP].x - (left + right) / 2) / width / PROMINENCE) * 180 / M_PI : 0;
}
