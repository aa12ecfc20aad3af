/* Looks at a picture, a video or a recording that somebody else has made, without taking it apart in this process: a
 * program of its own does that (visavis-inspect, inspect.c), which has the file and nothing else, may only compute, and
 * is killed if it takes too long or too much. What a hostile file can do is to show another picture.
 *
 *     _cleanup_(finding_release) struct finding f = { 0 };
 *     if (inspect_file(fd, side, &f) >= 0 && f.pixels)
 *             texture = gdk_memory_texture_new(f.shown_width, f.shown_height, GDK_MEMORY_R8G8B8, bytes,
 *                                              (size_t) 3 * f.shown_width); with f.pixels in bytes
 *
 * For what is sent: a side of INSPECTION_THUMBNAIL_SIDE; width, height, duration, thumbnail and levels go to
 * Crypto1.Transfers.Send (offer_append(), offer.h). For what has come: the file that Transfer.Save has written to a
 * memfd or an unlinked file, and the side at which it is shown. It takes up to INSPECTION_SECONDS:
 * call it in a thread (g_task_run_in_thread()), which is safe. Thumbnails that have come are raw pixels already. */
#pragma once

#include "ui/media/finding.h"

enum {
        INSPECTION_SECONDS = 10,
        INSPECTION_THUMBNAIL_SIDE = 64, /* what a message carries at most (cryptod/conversation/file_part.h) */
};

/* Looks at @fd, a regular file or memfd that can be read from its beginning; its offset stays where it is. What is
 * found, upright, fits into @side by @side pixels (1 to FINDING_SIDE_MAX) and is not made larger. Release it.
 * A file that is none of the three, or cannot be understood, is FINDING_NONE. -EINVAL: no regular file; -ETIMEDOUT;
 * -ECHILD: the program crashed, was killed, or said nonsense; -ENOENT: it is not installed; what pipe2(2) and fork(2)
 * say. All of these cost the thumbnail alone: send the file without it. */
int inspect_file(int fd, unsigned side, struct finding *out);

/* The same with another program, for tests. */
int inspect_file_with(const char *program, int fd, unsigned side, struct finding *out);
