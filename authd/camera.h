/* A configured camera: a device, or one of three kinds of file that stand in for it. What is not a device is virtual;
 * that is shown and logged, and no check is left out for it. */
#pragma once

#include <stdbool.h>

#include "services/config.h"

enum camera_kind { CAMERA_V4L2, CAMERA_VIDEO, CAMERA_FOLDER, CAMERA_PIPE };

enum { CAMERA_NAME_MAX = 63, CAMERA_RATE_MAX = 60 };

struct camera {
        char name[CAMERA_NAME_MAX + 1];
        enum camera_kind kind;
        const char *path; /* borrowed */
        unsigned width, height;
        unsigned rate; /* pictures a second */
};

/* What "[camera NAME]" understands: kind, path, width, height, rate. */
#define CAMERA_KEYS                                                                                                    \
        { "camera", "kind", "v4l2" }, { "camera", "path", NULL }, { "camera", "width", "640" },                        \
                { "camera", "height", "480" },                                                                         \
        {                                                                                                              \
                "camera", "rate", "15"                                                                                 \
        }

/* Reads "[camera @name]". @c must live as long as @out. A sentence has been logged on error: -EINVAL, -ERANGE. */
int camera_read(const struct config *c, const char *name, struct camera *out);

/* A device that was found, with the fallbacks of the configuration; @path must live as long as @out. */
void camera_of_device(const char *name, const char *path, struct camera *out);

/* "v4l2", "video", "folder" or "pipe". */
const char *camera_kind_name(enum camera_kind k);

bool camera_virtual(const struct camera *c);
