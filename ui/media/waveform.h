/* How loud a recording is, from its beginning to its end, in few numbers. */
#pragma once

#include <libavutil/frame.h>

#include "ui/media/finding.h"

enum { WAVEFORM_SECONDS = 300, WAVEFORM_BLOCKS_OF_SECOND = 50 };

struct waveform {
        float peaks[WAVEFORM_SECONDS * WAVEFORM_BLOCKS_OF_SECOND]; /* of each block, 0 to 1 */
        uint64_t samples;                                          /* so far */
        int rate;                                                  /* of them; that of the first frame */
};

/* Adds what is in the first channel of @frame. -EFBIG: it is longer than WAVEFORM_SECONDS; -EBADMSG: its format is not
 * known, or changes. */
int waveform_add(struct waveform *w, const AVFrame *frame);

/* The levels of all that was added, 255 the loudest, and its duration. */
void waveform_finish(const struct waveform *w, struct finding *out);
