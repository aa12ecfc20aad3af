/* See failure.h. */
#include "authd/failure.h"

#include <errno.h>

static const struct {
        const char *name;
        const char *text;
} failures[] = {
        [FAILURE_NONE] = { "", "" },
        [FAILURE_NO_FACE] = { "no-face", "No face was seen. Sit before the camera, look at it, and try again." },
        [FAILURE_NO_MATCH] = { "no-match",
                               "This is not the face that was enrolled. If it is yours, come closer, see to "
                               "better light, and try again." },
        [FAILURE_PRESENTATION_ATTACK] = { "presentation-attack", "It could not be seen that a living person sits "
                                                                 "before the camera. Try again, "
                                                                 "and do what is asked as soon as it is asked." },
        [FAILURE_SEVERAL_FACES] = { "several-faces",
                                    "More than one face was seen. Try again when only you are before the camera." },
        [FAILURE_TIMEOUT] = { "timeout",
                              "What was asked was not done in time, or your face left the picture. Try again, "
                              "and stay before the camera until the end." },
        [FAILURE_CAMERA] = { "camera",
                             "The camera gives no pictures. See whether it is plugged in, uncovered and not used "
                             "by another program, and try again." },
        [FAILURE_QUALITY] = { "quality",
                              "Your face could not be seen well enough. See to even light from the front, come "
                              "closer, look straight into the camera, and try again." },
        [FAILURE_DARK] = { "dark",
                           "The camera sees nothing, for it is too dark. Turn on a light before you, see that nothing "
                           "covers the camera, and try again." },
        [FAILURE_THROTTLED] = { "throttled", "There were too many failures. Wait, and try again." },
        [FAILURE_STORAGE] = { "storage",
                              "What authd keeps on its disk could not be read or written, so the attempt was "
                              "ended. Have the disk checked, and the journal of visavis-authd." },
        [FAILURE_INTERNAL] = { "internal", "authd could not go on; its journal says why. Try again." },
};

const char *failure_name(enum failure f)
{
        return failures[f].name;
}

const char *failure_text(enum failure f)
{
        return failures[f].text;
}

const char *failure_camera_text(int error)
{
        switch (error) {
        case -ENODATA:
                return "The video that stands in for the camera has ended. Try again, and it begins anew.";
        case -EBUSY:
                return "The camera is used by another program. Close it, and try again.";
        case -ENODEV:
        case -ENOENT:
        case -ENXIO:
                return "The camera is not there. Plug it in, and try again.";
        case -EACCES:
        case -EPERM:
                return "The camera may not be opened by authd; the administrator sees to its permissions.";
        default:
                return failure_text(FAILURE_CAMERA);
        }
}

const char *failure_storage_text(int error)
{
        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
                return "authd's disk is full, so the attempt was ended. Make room on it, and try again.";
        case -EROFS:
        case -EACCES:
                return "authd's disk cannot be written to, so the attempt was ended. Make it writable, and try again.";
        case -EBADMSG:
                return "What authd keeps on its disk is damaged, so the attempt was ended. Restore its state directory "
                       "from a backup, or log in with the recovery code.";
        default:
                return failure_text(FAILURE_STORAGE);
        }
}
