/* Takes a picture, a video or a recording apart; for visavis-inspect, which is confined, and for nobody else. */
#pragma once

#include "ui/media/finding.h"

/* What is in the regular file @fd of @size bytes, upright and at most @side by @side pixels. As much as can be
 * understood: nothing of it is an error, the worst is FINDING_NONE. */
void look(int fd, int64_t size, unsigned side, struct finding *out);
