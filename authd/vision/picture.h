/* Pictures and videos decoded by OpenCV: files that the administrator configured as cameras, and V4L2 devices. */
#pragma once

#include "authd/frame.h"
#include "services/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decodes the picture file @path (JPEG, PNG, …). -EBADMSG if it is none, or larger or smaller than a frame may be;
 * -ENOMEM. */
int picture_read(const char *path, struct frame *out);

/* The same for a file that has been read. */
int picture_decode(struct bytes file, struct frame *out);

/* Scales @f to at most @width x @height, keeping its shape. Nothing happens to a smaller one. -ENOMEM, -EIO. */
int picture_fit(struct frame *f, unsigned width, unsigned height);

/* Puts @columns and @rows of its own border about @f and enlarges it @times. -EINVAL if it is too large then; -ENOMEM,
 * -EIO. */
int picture_surround(struct frame *f, unsigned columns, unsigned rows, unsigned times);

struct capture;

/* Opens the V4L2 device @path and asks it for @width x @height at @rate; it may choose others. -EBUSY:
 * another program uses it; -ENODEV: it is no camera; what open(2) says; -EIO if it cannot be opened as one. */
int capture_open_device(const char *path, unsigned width, unsigned height, unsigned rate, struct capture **out);

/* Opens the video file @path. @out_rate is its own rate, or 0. What open(2) says; -EBADMSG if it is
 * none. */
int capture_open_video(const char *path, double *out_rate, struct capture **out);

/* The next frame after @leave_out others, waiting for it as long as a device takes. -ENODATA: the video has ended;
 * -ENODEV: the device was unplugged; -EIO if it gives none any more. */
int capture_read(struct capture *c, unsigned leave_out, struct frame *out);

/* Closes the device or file. NULL is allowed. Returns NULL. */
struct capture *capture_close(struct capture *c);

#ifdef __cplusplus
}
#endif
