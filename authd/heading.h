/* Heading: how far a head is turned to the side, by its landmarks alone.
 *
 * The nose stands out before the line of the eyes by about 0.47 of its length (43 mm before the outer corners, which
 * are 92 mm apart: Farkas, Anthropometry of the Head and Face, 1994, rounded). In a head that turns, its tip moves
 * along that line by as much of it as the tangent of the turn tells. It is steadier than what a network says of pose
 * from picture to picture, and wrong for a nose that is not average or a head that tilts as it turns; so the two are
 * used together (challenge.c). */
#pragma once

#include "authd/vision/vision.h"

/* In degrees, which grow as the nose goes right in the picture; 0 if the eyes are not beside each other. */
double heading_of(const struct point landmark[static LANDMARKS]);
