/* A V4L2 device: what it says of itself before any picture is taken (the kernel's Video for Linux API). */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens @path and makes sure that it is a camera. Nothing is taken from it, and its light stays off. *@out is closed by
 * the caller. -ENODEV: it is no camera; what open(2) says. */
int device_open(const char *path, int *out);

/* Whether another program takes pictures from it: -EBUSY; 0 if not. */
int device_check_free(int fd);

/* Whether it is still there: -ENODEV if it was unplugged; 0 if it was not. */
int device_check_present(int fd);

/* Whether it sees infrared light: its pictures are grey and nothing else. */
bool device_infrared(int fd);

#ifdef __cplusplus
}
#endif
