/* A gallery: the template of the engine "lbph", which is what OpenCV's LBPH recogniser keeps of the pictures that it is
 * trained with: the histogram of each. Whoever is compared with it has the likeness of the nearest.
 *
 * Sealed on disk and wiped in memory, as a template is. Its bytes, in the presentation language of RFC 8446:
 *
 *     struct { uint8 version = 1; uint16 count; opaque histograms[count][16384]; } Gallery;    count: 1 to GALLERY_MAX
 */
#pragma once

#include "authd/vision/vision.h"
#include "services/bytes.h"

enum { GALLERY_MAX = 300 };

struct gallery {
        unsigned count;
        uint8_t histogram[GALLERY_MAX][HISTOGRAM_SIZE];
};

/* An empty one of 4.9 MB; NULL when memory is exhausted. */
struct gallery *gallery_new(void);

/* Wipes and frees. NULL is allowed. Returns NULL. */
struct gallery *gallery_free(struct gallery *g);

/* Adds a picture's histogram. A full gallery stays as it is. */
void gallery_add(struct gallery *g, const uint8_t histogram[static HISTOGRAM_SIZE]);

/* histogram_likeness() with the nearest; 0 for an empty one. */
double gallery_likeness(const struct gallery *g, const uint8_t histogram[static HISTOGRAM_SIZE]);

void gallery_write(const struct gallery *g, struct writer *w);

/* What does not hold 1 to GALLERY_MAX histograms fails the reader, and @out is not to be used. */
void gallery_read(struct reader *r, struct gallery *out);
