/* What authd's engine lbph sees of pictures, for test_lbph.py: MODELS TRAINED PICTURES PICTURE…
 *
 * The pictures come in groups of PICTURES, a person each, the first TRAINED of which make the person's gallery. For
 * each picture it writes its face's box in pixels (4 int32) and histogram, then for each picture the likeness with each
 * gallery (doubles), as the machine has them. */
#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "authd/gallery.h"
#include "authd/vision/picture.h"
#include "authd/vision/vision.h"

enum { PICTURES_MAX = 512 };

static struct observation seen[PICTURES_MAX];

static void look(struct vision *v, const char *path, struct observation *out)
{
        _cleanup_frame_ struct frame frame = { 0 };

        if (picture_read(path, &frame) < 0 || vision_observe(v, &frame, OBSERVE_HISTOGRAM, out) < 0 || out->faces == 0)
                errx(1, "%s shows no face", path);
        const int32_t box[] = { (int32_t) lround(out->box.x * frame.width), (int32_t) lround(out->box.y * frame.height),
                                (int32_t) lround(out->box.width * frame.width),
                                (int32_t) lround(out->box.height * frame.height) };

        fwrite(box, sizeof(box), 1, stdout);
        fwrite(out->histogram, sizeof(out->histogram), 1, stdout);
}

static void compare(unsigned count, unsigned group, unsigned trained)
{
        for (unsigned first = 0; first < count; first += group) {
                struct gallery *g = gallery_new();

                for (unsigned i = 0; i < trained; i++)
                        gallery_add(g, seen[first + i].histogram);
                for (unsigned i = 0; i < count; i++) {
                        double likeness = gallery_likeness(g, seen[i].histogram);

                        fwrite(&likeness, sizeof(likeness), 1, stdout);
                }
                gallery_free(g);
        }
}

int main(int argc, char *argv[])
{
        _cleanup_models_ struct models models = { 0 };
        _cleanup_vision_ struct vision *vision = NULL;
        unsigned count = (unsigned) argc - 4;

        if (argc < 5 || count > PICTURES_MAX)
                errx(2, "usage: MODELS TRAINED PICTURES PICTURE…");
        unsigned trained = (unsigned) atoi(argv[2]), group = (unsigned) atoi(argv[3]);

        if (group < 1 || trained > group || count % group != 0)
                errx(2, "the pictures are no groups of %u", group);
        if (models_load_engine(argv[1], ENGINE_LBPH, &models) < 0 || vision_new(&models, &vision) < 0)
                errx(1, "the cascades cannot be used");
        for (unsigned i = 0; i < count; i++)
                look(vision, argv[4 + i], &seen[i]);
        compare(count, group, trained);
        return fflush(stdout) == 0 ? 0 : 1;
}
