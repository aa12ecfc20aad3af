/* What is said of a picture, a video or a recording to those who get it: from what was found in it. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "ui/media/finding.h"

/* Appends to the options of Crypto1.Transfers.Send, whose dictionary is open: width, height, duration, thumbnail, and
 * with @voice that it is a voice message. @f was looked for with a side of INSPECTION_THUMBNAIL_SIDE. What
 * sd_bus_message_append(3) returns. */
int offer_append(sd_bus_message *m, const struct finding *f, bool voice);
