/* A figure to play persons and photographs before an examination, without pictures or networks. */
#pragma once

#include <stdbool.h>

#include "authd/vision/vision.h"

struct figure {
        unsigned who; /* below 256: different numbers are different persons */
        bool flat;    /* a photograph */
        double bend;  /* of it, 1/mm */
        double shown; /* degrees that the head is turned in it */
        double yaw;   /* degrees; positive: the nose goes right in the picture */
        double pitch; /* degrees; positive: the head is raised */
        double eyes;  /* probability that they are open */
        double bona_fide, brightness, sharpness;
        double x, y;     /* pixels of 640 x 480 */
        double glasses;  /* radians that they move the face away from itself */
        double zoom;     /* how much nearer than usual */
        bool covered;    /* a hand is before it */
        double surround; /* brightness of what is around it */
        double rival;    /* relative width of a second face; 0: none */
};

/* What the networks that the figures stand in for are judged by. */
extern const struct thresholds figure_thresholds;

/* Somebody who sits upright before the camera. */
struct figure figure_person(unsigned who);

/* What is seen of it, everything observed. */
void figure_see(const struct figure *f, struct observation *out);
