/* Reading and checking the networks' files. */
#include "authd/models.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/text.h"

enum { MODEL_SIZE_MAX = 64 * 1024 * 1024 };

/* npm package faceplugin-face-recognition-js 0.0.1, folder model/. */
const struct model_manifest model_manifest[MODEL_COUNT] = {
        [MODEL_DETECT] = { "fr_detect.onnx", "6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854" },
        [MODEL_LANDMARK] = { "fr_landmark.onnx", "f10b0ba1d2a8a099adefede1ebf3733e44fe370715e7303dbeb7f59c02142258" },
        [MODEL_FEATURE] = { "fr_feature.onnx", "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581" },
        [MODEL_LIVENESS] = { "fr_liveness.onnx", "afa783b7e902fdfcf323a7240cac2a1c580c25314ea4161129dc1b0d100dc32d" },
        [MODEL_POSE] = { "fr_pose.onnx", "72d032ec941b7153bf8d3f2c03a4c165453cc7e63d479041ec7c6ef087e5839d" },
        [MODEL_EYE] = { "fr_eye.onnx", "1afcea006abc1ccac3c517022abde0aa092bed74ff3c9fe6878483ef9e6e38de" },
};

void models_release(struct models *m)
{
        for (unsigned i = 0; i < MODEL_COUNT; i++)
                free((void *) m->file[i].data);
        *m = (struct models){ 0 };
}

static int read_whole(const char *path, struct bytes *out)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return -EBADMSG;
        if (st.st_size > MODEL_SIZE_MAX)
                return -EFBIG;

        _cleanup_free_ uint8_t *data = malloc((size_t) st.st_size);
        size_t size = 0;
        if (!data)
                return -ENOMEM;
        while (size < (size_t) st.st_size) {
                ssize_t n = read(fd, data + size, (size_t) st.st_size - size);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EBADMSG;
                size += (size_t) n;
        }
        *out = BYTES(TAKE(data), size);
        return 0;
}

static int load_one(const char *directory, const struct model_manifest *expected, struct bytes *out)
{
        _cleanup_free_ char *path = NULL;
        struct bytes content = { 0 };
        uint8_t wanted[32], found[32];

        if (asprintf(&path, "%s/%s", directory, expected->file) < 0)
                return -ENOMEM;
        int r = read_whole(path, &content);
        if (r == -ENOENT)
                log_error(
                        "The face network %s is missing; fetch the networks (`./run` does it, docs/dbus/auth1.md says "
                        "from where) or set [models] directory.",
                        path);
        else if (r < 0)
                log_error("The face network %s cannot be read (%s); make it readable to this daemon's user.", path,
                          strerror(-r));
        if (r < 0)
                return r;

        sha256(content, found);
        r = hex_decode(expected->sha256, wanted, sizeof(wanted));
        if (r < 0 || memcmp(found, wanted, sizeof(found)) != 0) {
                free((void *) content.data);
                log_error("The face network %s is not the file that it should be: its SHA-256 is not %s. It was not "
                          "used. Fetch it anew.",
                          path, expected->sha256);
                return -EBADMSG;
        }
        *out = content;
        return 0;
}

int models_load(const char *directory, const struct model_manifest *manifest, struct models *out)
{
        _cleanup_models_ struct models models = { 0 };

        for (unsigned i = 0; i < MODEL_COUNT; i++) {
                int r = load_one(directory, &manifest[i], &models.file[i]);
                if (r < 0)
                        return r;
        }
        *out = models;
        models = (struct models){ 0 };
        return 0;
}
