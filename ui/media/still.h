/* A small picture, upright and without transparency, made of a large one. */
#pragma once

#include <libavutil/frame.h>

#include "ui/media/finding.h"

/* Puts @frame, turned as @matrix says (libavutil/display.h; NULL: not at all), into @out: its size and its pixels,
 * which fit into @side by @side. -ENOMEM; -EBADMSG: its format is not known. */
int still_make(const AVFrame *frame, const int32_t *matrix, unsigned side, struct finding *out);
