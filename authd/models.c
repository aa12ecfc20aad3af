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

static int load_one(const char *directory, const struct model_entry *expected, struct bytes *out)
{
        _cleanup_free_ char *path = NULL;
        struct bytes content = { 0 };
        uint8_t found[32];

        if (asprintf(&path, "%s%s%s", expected->file[0] == '/' ? "" : directory, expected->file[0] == '/' ? "" : "/",
                     expected->file) < 0)
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
        if (memcmp(found, expected->sha256, sizeof(found)) != 0) {
                _cleanup_free_ char *hex = hex_encode(BYTES_OF(expected->sha256));

                free((void *) content.data);
                log_error("The face network %s is not the file that its manifest describes: its SHA-256 is not %s. It "
                          "was not used. Fetch it anew, or correct the manifest if you have replaced the network.",
                          path, hex ? hex : "the same");
                return -EBADMSG;
        }
        *out = content;
        return 0;
}

int models_load(const char *directory, const struct manifest *manifest, struct models *out)
{
        _cleanup_models_ struct models models = { .manifest = *manifest };

        for (unsigned i = 0; i < MODEL_COUNT; i++) {
                int r = manifest->model[i].file[0] ? load_one(directory, &manifest->model[i], &models.file[i]) : 0;
                if (r < 0)
                        return r;
        }
        *out = models;
        models = (struct models){ 0 };
        return 0;
}

int models_load_engine(const char *directory, enum engine engine, struct models *out)
{
        struct manifest manifest;
        int r = manifest_load(directory, engine, &manifest);

        return r < 0 ? r : models_load(directory, &manifest, out);
}
