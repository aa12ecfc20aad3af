/* See camera.h. */
#include "authd/camera.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authd/frame.h"
#include "services/bytes.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/text.h"

static const char *const kinds[] = {
        [CAMERA_V4L2] = "v4l2", [CAMERA_VIDEO] = "video", [CAMERA_FOLDER] = "folder", [CAMERA_PIPE] = "pipe"
};

const char *camera_kind_name(enum camera_kind k)
{
        return kinds[k];
}

void camera_of_device(const char *name, const char *path, struct camera *out)
{
        *out = (struct camera){ .kind = CAMERA_V4L2, .path = path, .width = 640, .height = 480, .rate = 15 };
        (void) snprintf(out->name, sizeof(out->name), "%s", name);
}

bool camera_virtual(const struct camera *c)
{
        return c->kind != CAMERA_V4L2;
}

static int parse_kind(const char *text, enum camera_kind *out)
{
        for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
                if (strcmp(text, kinds[i]) == 0) {
                        *out = (enum camera_kind) i;
                        return 0;
                }
        }
        return -EINVAL;
}

int camera_read(const struct config *c, const char *name, struct camera *out)
{
        struct camera camera = { .path = config_string(c, "camera", name, "path") };
        const char *kind = config_string(c, "camera", name, "kind");
        int64_t width, height, rate;
        int r;

        if (strlen(name) > CAMERA_NAME_MAX || !utf8_valid(BYTES_STRING(name))) {
                log_error(
                        "The name of the camera \"%s\" is too long or not in UTF-8; give it one of at most %d bytes in "
                        "authd.conf.",
                        name, CAMERA_NAME_MAX);
                return -EINVAL;
        }
        (void) snprintf(camera.name, sizeof(camera.name), "%s", name);
        if (parse_kind(kind, &camera.kind) < 0) {
                log_error(
                        "The camera \"%s\" has the unknown kind \"%s\"; set v4l2, video, folder or pipe in authd.conf.",
                        name, kind);
                return -EINVAL;
        }
        if (!camera.path || camera.path[0] != '/') {
                log_error("The camera \"%s\" needs an absolute path in authd.conf.", name);
                return -EINVAL;
        }
        if ((r = config_integer(c, "camera", name, "width", FRAME_SIDE_MIN, FRAME_SIDE_MAX, &width)) < 0 ||
            (r = config_integer(c, "camera", name, "height", FRAME_SIDE_MIN, FRAME_SIDE_MAX, &height)) < 0 ||
            (r = config_integer(c, "camera", name, "rate", 1, CAMERA_RATE_MAX, &rate)) < 0)
                return r;
        camera.width = (unsigned) width;
        camera.height = (unsigned) height;
        camera.rate = (unsigned) rate;
        *out = camera;
        return 0;
}
