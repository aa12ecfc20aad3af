/* See waveform.h. */
#include "ui/media/waveform.h"

#include <errno.h>
#include <math.h>

#include "services/cleanup.h"

/* As a number from -1 to 1, or what a float says. */
static float sample_of(enum AVSampleFormat format, const uint8_t *data, size_t i)
{
        switch (format) {
        case AV_SAMPLE_FMT_U8:
                return ((float) data[i] - 128) / 128;
        case AV_SAMPLE_FMT_S16:
                return (float) ((const int16_t *) data)[i] / 32768;
        case AV_SAMPLE_FMT_S32:
                return (float) ((const int32_t *) data)[i] / 2147483648.0F;
        case AV_SAMPLE_FMT_FLT:
                return ((const float *) data)[i];
        case AV_SAMPLE_FMT_DBL:
                return (float) ((const double *) data)[i];
        default:
                return NAN;
        }
}

int waveform_add(struct waveform *w, const AVFrame *frame)
{
        const bool planar = av_sample_fmt_is_planar(frame->format);
        const enum AVSampleFormat format = av_get_packed_sample_fmt(frame->format);
        const size_t step = planar ? 1 : (size_t) frame->ch_layout.nb_channels;

        if (w->rate == 0)
                w->rate = frame->sample_rate;
        if (w->rate < WAVEFORM_BLOCKS_OF_SECOND || frame->sample_rate != w->rate || !frame->data[0])
                return -EBADMSG;
        for (int i = 0; i < frame->nb_samples; i++, w->samples++) {
                const uint64_t block = w->samples * WAVEFORM_BLOCKS_OF_SECOND / (unsigned) w->rate;
                const float level = fabsf(sample_of(format, frame->data[0], (size_t) i * step));

                if (block >= COUNT_OF(w->peaks))
                        return -EFBIG;
                if (level > w->peaks[block]) /* false for what is no number */
                        w->peaks[block] = fminf(level, 1);
        }
        return 0;
}

void waveform_finish(const struct waveform *w, struct finding *out)
{
        const uint64_t blocks =
                w->rate > 0 ? (w->samples * WAVEFORM_BLOCKS_OF_SECOND + (unsigned) w->rate - 1) / (unsigned) w->rate
                            : 0;
        float level[FINDING_LEVELS_MAX] = { 0 }, loudest = 0;

        if (blocks == 0)
                return;
        out->duration = (uint32_t) (w->samples * 1000 / (unsigned) w->rate);
        out->level_count = blocks < FINDING_LEVELS_MAX ? (unsigned) blocks : FINDING_LEVELS_MAX;
        for (uint64_t i = 0; i < blocks; i++) {
                float *l = &level[i * out->level_count / blocks];

                *l = fmaxf(*l, w->peaks[i]);
                loudest = fmaxf(loudest, *l);
        }
        for (unsigned i = 0; i < out->level_count; i++)
                out->levels[i] = loudest > 0 ? (uint8_t) (255 * level[i] / loudest) : 0;
}
