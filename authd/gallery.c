/* See gallery.h. */
#include "authd/gallery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

struct gallery *gallery_new(void)
{
        return calloc(1, sizeof(struct gallery));
}

struct gallery *gallery_free(struct gallery *g)
{
        if (g)
                explicit_bzero(g, sizeof(*g));
        free(g);
        return NULL;
}

void gallery_add(struct gallery *g, const uint8_t histogram[static HISTOGRAM_SIZE])
{
        if (g->count < GALLERY_MAX)
                memcpy(g->histogram[g->count++], histogram, HISTOGRAM_SIZE);
}

double gallery_likeness(const struct gallery *g, const uint8_t histogram[static HISTOGRAM_SIZE])
{
        double best = 0;

        for (unsigned i = 0; i < g->count; i++)
                best = fmax(best, histogram_likeness(g->histogram[i], histogram));
        return best;
}

void gallery_write(const struct gallery *g, struct writer *w)
{
        write_u8(w, VERSION);
        write_u16(w, (uint16_t) g->count);
        write_fixed(w, BYTES(g->histogram, g->count * sizeof(g->histogram[0])));
}

void gallery_read(struct reader *r, struct gallery *out)
{
        if (read_u8(r) != VERSION)
                reader_fail(r);
        unsigned count = read_u16(r);

        if (count < 1 || count > GALLERY_MAX)
                reader_fail(r);
        for (out->count = 0; !r->error && out->count < count;) {
                struct bytes histogram = read_fixed(r, HISTOGRAM_SIZE);

                if (histogram.size == HISTOGRAM_SIZE)
                        gallery_add(out, histogram.data);
        }
}
