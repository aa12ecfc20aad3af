/* See access_log.h. */
#include "access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/log.h"

struct access_log {
        FILE *file;
        char *path;
};

int access_log_reopen(struct access_log *l)
{
        if (l->file)
                fclose(TAKE(l->file));
        int fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        l->file = fdopen(fd, "a");
        if (!l->file) {
                close(fd);
                return -ENOMEM;
        }
        (void) setvbuf(l->file, NULL, _IOLBF, 0);
        return 0;
}

int access_log_open(const char *path, struct access_log **out)
{
        struct access_log *l = calloc(1, sizeof(*l));
        int r;

        if (!l || !(l->path = strdup(path))) {
                free(l);
                return -ENOMEM;
        }
        r = access_log_reopen(l);
        if (r < 0) {
                access_log_close(l);
                return r;
        }
        *out = l;
        return 0;
}

struct access_log *access_log_close(struct access_log *l)
{
        if (!l)
                return NULL;
        if (l->file)
                fclose(l->file);
        free(l->path);
        free(l);
        return NULL;
}

static void rotate(struct access_log *l)
{
        _cleanup_free_ char *old = NULL;

        if (asprintf(&old, "%s.1", l->path) < 0) {
                old = NULL;
                return;
        }
        if (rename(l->path, old) < 0 || access_log_reopen(l) < 0)
                log_warning("The access log %s could not be rotated (%s); nothing more is written to it until the hub "
                            "reads its configuration again.",
                            l->path, strerror(errno));
}

void access_log_write(struct access_log *l, const char *address, const char *event, const char *account)
{
        char when[32];
        struct tm tm;
        time_t now = time(NULL);

        if (!l || !l->file)
                return;
        (void) strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        fprintf(l->file, "%s %s %s%s%s\n", when, address, event, account ? " " : "", account ? account : "");
        if (ftell(l->file) > ACCESS_LOG_MAX)
                rotate(l);
}

int access_log_read(const struct access_log *l)
{
        if (!l || !l->file)
                return -ENOENT;
        int fd = open(l->path, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int64_t access_log_size(const struct access_log *l)
{
        struct stat st;

        return l && l->file && fstat(fileno(l->file), &st) == 0 ? st.st_size : 0;
}
