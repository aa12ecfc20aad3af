/* Relief: whether a head that turned has depth.
 *
 * When a head turns, its nose moves further than its cheeks, because it stands out. The landmarks of a photograph that
 * is turned, waved or bent move together instead: a plane's by a homography, a bent sheet's by one smooth function of
 * the place. So the horizontal places after the turn are explained, by least squares over all 68 landmarks, with a
 * quadratic function of the places before (which contains what turning and bending a sheet can do, to second order)
 * plus a multiple of the depth that each landmark has on a mean face. A sheet needs nothing of the latter; a head needs
 * the sine of its turn (structure from motion under weak perspective; Hartley and Zisserman, Multiple View Geometry,
 * 2nd edition, §14). */
#pragma once

#include "authd/vision/vision.h"

/* @straight: landmarks of the head before it turned; @turned: afterwards, in any scale, place and roll. @out_relief is
 * the multiple: positive if the nose went right. -ERANGE if the points do not lie as in a face (eyes or mouth
 * coincide), so that there is nothing to measure by. */
int relief_measure(const struct point straight[static LANDMARKS], const struct point turned[static LANDMARKS],
                   double *out_relief);
