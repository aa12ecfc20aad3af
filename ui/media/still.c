/* See still.h. */
#include "ui/media/still.h"

#include <errno.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdbool.h>
#include <stdlib.h>

#include "services/cleanup.h"

enum { WHITE = 255, ROW_ALIGNMENT = 64 };

/* One of the eight ways in which a camera can be held: where the next pixel to the right and below comes from. */
struct turn {
        bool swaps, from_right, from_bottom; /* rows are columns; each from its other end */
};

static struct turn turn_of(const int32_t *m)
{
        struct turn t = { 0 };

        if (!m)
                return t;
        t.swaps = llabs((long long) m[0]) < llabs((long long) m[1]);
        t.from_right = (t.swaps ? m[1] : m[0]) < 0;
        t.from_bottom = (t.swaps ? m[3] : m[4]) < 0;
        return t;
}

static void fit(int width, int height, unsigned side, int *out_width, int *out_height)
{
        const int longer = width > height ? width : height;

        *out_width = width;
        *out_height = height;
        if (longer <= (int) side)
                return;
        *out_width = (int) ((int64_t) width * side / longer);
        *out_height = (int) ((int64_t) height * side / longer);
        *out_width += *out_width == 0;
        *out_height += *out_height == 0;
}

static void free_scaler(struct SwsContext **s)
{
        sws_freeContext(*s);
}

static void free_buffer(uint8_t **p)
{
        av_freep(p);
}

/* R, G, B, A in rows of @stride bytes. */
static int scale(const AVFrame *frame, int width, int height, uint8_t **out, int *stride)
{
        _cleanup_(free_scaler) struct SwsContext *s = sws_getContext(
                frame->width, frame->height, frame->format, width, height, AV_PIX_FMT_RGBA, SWS_AREA, NULL, NULL, NULL);
        uint8_t *planes[4] = { NULL };
        int strides[4] = { 0 };

        if (!s)
                return -EBADMSG;
        if (av_image_alloc(planes, strides, width, height, AV_PIX_FMT_RGBA, ROW_ALIGNMENT) < 0)
                return -ENOMEM;
        *out = planes[0];
        *stride = strides[0];
        return sws_scale(s, (const uint8_t *const *) frame->data, frame->linesize, 0, frame->height, planes, strides) ==
                               height
                       ? 0
                       : -EBADMSG;
}

static void put_pixel(const uint8_t *rgba, bool transparent, uint8_t out[static 3])
{
        const unsigned a = transparent ? rgba[3] : WHITE;

        for (unsigned i = 0; i < 3; i++)
                out[i] = (uint8_t) ((rgba[i] * a + WHITE * (255 - a) + 127) / 255);
}

int still_make(const AVFrame *frame, const int32_t *matrix, unsigned side, struct finding *out)
{
        const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
        const struct turn turn = turn_of(matrix);
        _cleanup_(free_buffer) uint8_t *rgba = NULL;
        int width, height, stride, r;

        if (!format || frame->width <= 0 || frame->height <= 0)
                return -EBADMSG;
        fit(frame->width, frame->height, side, &width, &height);
        r = scale(frame, width, height, &rgba, &stride);
        if (r < 0)
                return r;
        out->shown_width = (uint16_t) (turn.swaps ? height : width);
        out->shown_height = (uint16_t) (turn.swaps ? width : height);
        out->pixels = malloc((size_t) 3 * width * height);
        if (!out->pixels)
                return -ENOMEM;
        for (int y = 0; y < out->shown_height; y++) {
                for (int x = 0; x < out->shown_width; x++) {
                        const int u = turn.swaps ? y : x, v = turn.swaps ? x : y;
                        const int column = turn.from_right ? width - 1 - u : u;
                        const int row = turn.from_bottom ? height - 1 - v : v;

                        put_pixel(rgba + (size_t) row * stride + (size_t) 4 * column,
                                  format->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL),
                                  out->pixels + 3 * ((size_t) y * out->shown_width + x));
                }
        }
        return 0;
}
