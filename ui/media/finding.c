/* See finding.h. */
#include "ui/media/finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

void finding_release(struct finding *f)
{
        free(f->pixels);
        *f = (struct finding){ 0 };
}

static size_t pixels_size(const struct finding *f)
{
        return (size_t) 3 * f->shown_width * f->shown_height;
}

void finding_write(const struct finding *f, struct writer *w)
{
        write_u8(w, VERSION);
        write_u8(w, (uint8_t) f->kind);
        write_u32(w, f->width);
        write_u32(w, f->height);
        write_u32(w, f->duration);
        write_vector(w, BYTES(f->levels, f->level_count));
        write_u16(w, f->shown_width);
        write_u16(w, f->shown_height);
        write_fixed(w, BYTES(f->pixels, pixels_size(f)));
}

int finding_read(struct bytes input, unsigned side, struct finding *out)
{
        struct finding f = { 0 };
        struct bytes levels, pixels;
        struct reader r;
        uint8_t version, kind;

        reader_init(&r, input);
        version = read_u8(&r);
        kind = read_u8(&r);
        f.width = read_u32(&r);
        f.height = read_u32(&r);
        f.duration = read_u32(&r);
        levels = read_vector(&r);
        f.shown_width = read_u16(&r);
        f.shown_height = read_u16(&r);
        if (version != VERSION || kind > FINDING_RECORDING || levels.size > sizeof(f.levels) || f.shown_width > side ||
            f.shown_height > side || (f.shown_width == 0) != (f.shown_height == 0))
                return -EBADMSG;
        pixels = read_fixed(&r, pixels_size(&f));
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        f.kind = kind;
        f.level_count = (unsigned) levels.size;
        if (levels.size > 0)
                memcpy(f.levels, levels.data, levels.size);
        if (pixels.size > 0 && !(f.pixels = malloc(pixels.size)))
                return -ENOMEM;
        if (pixels.size > 0)
                memcpy(f.pixels, pixels.data, pixels.size);
        *out = f;
        return 0;
}
