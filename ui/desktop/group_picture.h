/* The picture of a group: shown, and made from a file that the person has chosen. Whatever is in either is taken apart
 * by a confined program (ui/media/inspection.h), never here. */
#pragma once

#include <adwaita.h>

#include "services/bytes.h"

enum { GROUP_PICTURE_MAX = 16384 /* bytes, as cryptod takes it */ };

/* Shows it in @avatar, a moment later; nothing if it is empty, or cannot be understood. */
void group_picture_show(AdwAvatar *avatar, struct bytes picture);

/* Makes a picture of the file and calls @done with it once, in the main loop; empty if that cannot be done. */
void group_picture_make(GFile *file, GCancellable *cancellable, void (*done)(struct bytes picture, void *userdata),
                        void *userdata);
