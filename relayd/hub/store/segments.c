/* See segments.h. */
#include "segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "services/cleanup.h"
#include "services/log.h"

enum { SEGMENT_BITS = 30, NAME_SIZE = 17 };

#define SEGMENT_SIZE ((int64_t) 1 << SEGMENT_BITS)

struct segments {
        int directory;
        int fd; /* of the segment that is appended to, -1: not open */
        int64_t segment, next, synced;
};

int segments_open(const char *directory, int64_t next, struct segments **out)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ struct segments *s = calloc(1, sizeof(*s));

        if (!s || asprintf(&path, "%s/chunks", directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        *s = (struct segments){ .fd = -1, .next = next, .synced = next };
        if (mkdir(path, 0700) >= 0 || errno == EEXIST)
                s->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        else
                s->directory = -1;
        if (s->directory < 0) {
                int r = -errno;

                log_error("The directory %s for chunks of files cannot be opened: %s. Make its parent writable.", path,
                          strerror(-r));
                return r;
        }
        *out = TAKE(s);
        return 0;
}

struct segments *segments_close(struct segments *s)
{
        if (!s)
                return NULL;
        if (s->fd >= 0)
                close(s->fd);
        close(s->directory);
        free(s);
        return NULL;
}

static int open_segment(const struct segments *s, int64_t segment, int flags)
{
        char name[NAME_SIZE];

        (void) snprintf(name, sizeof(name), "%016llx", (unsigned long long) segment);
        int fd = openat(s->directory, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : fd;
}

/* Has the segment of s->next open. */
static int turn_to_next(struct segments *s)
{
        int64_t segment = s->next >> SEGMENT_BITS;
        int r;

        if (s->fd >= 0 && s->segment == segment)
                return 0;
        if (s->fd >= 0) {
                r = fdatasync(s->fd) < 0 ? -errno : 0;
                close(s->fd);
                s->fd = -1;
                if (r < 0)
                        return r;
        }
        r = open_segment(s, segment, O_RDWR | O_CREAT);
        if (r < 0)
                return r;
        s->fd = r;
        s->segment = segment;
        return fsync(s->directory) < 0 ? -errno : 0;
}

static int write_all(int fd, struct bytes content, int64_t offset)
{
        for (size_t done = 0; done < content.size;) {
                ssize_t n = pwrite(fd, content.data + done, content.size - done, (off_t) (offset + (int64_t) done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        return 0;
}

int segments_append(struct segments *s, struct bytes content, int64_t *place)
{
        int64_t offset = s->next % SEGMENT_SIZE;
        int r;

        if (offset + (int64_t) content.size > SEGMENT_SIZE) {
                s->next += SEGMENT_SIZE - offset;
                offset = 0;
        }
        r = turn_to_next(s);
        if (r >= 0)
                r = write_all(s->fd, content, offset);
        if (r < 0) {
                log_error(
                        "A chunk of a file could not be stored: %s. Make room on the hub's disk, or lower chunk-bytes "
                        "in hub.conf.",
                        strerror(-r));
                return r;
        }
        *place = s->next;
        s->next += (int64_t) content.size;
        return 0;
}

int segments_sync(struct segments *s)
{
        if (s->next == s->synced)
                return 0;
        if (fdatasync(s->fd) < 0)
                return -errno;
        s->synced = s->next;
        return 0;
}

void segments_rewind(struct segments *s)
{
        s->next = s->synced;
}

int segments_read(const struct segments *s, int64_t place, uint8_t *out, size_t size)
{
        _cleanup_close_ int fd = open_segment(s, place >> SEGMENT_BITS, O_RDONLY);

        if (fd < 0)
                return fd;
        for (size_t done = 0; done < size;) {
                ssize_t n = pread(fd, out + done, size - done, (off_t) (place % SEGMENT_SIZE + (int64_t) done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                done += (size_t) n;
        }
        return 0;
}

void segments_drop(struct segments *s, int64_t place, int64_t size)
{
        _cleanup_close_ int fd = open_segment(s, place >> SEGMENT_BITS, O_RDWR);

        /* Where the file system cannot, the room comes back with the whole segment. */
        if (fd >= 0)
                (void) fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) (place % SEGMENT_SIZE),
                                 (off_t) size);
}

void segments_drop_below(struct segments *s, int64_t place)
{
        int fd = openat(s->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *e;
        char *end;

        if (!d) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        while ((e = readdir(d))) {
                long long segment = strtoll(e->d_name, &end, 16), current = s->synced >> SEGMENT_BITS;

                if (e->d_name[0] != '.' && *end == '\0' &&
                    ((segment < place >> SEGMENT_BITS && segment < current) || segment > current))
                        (void) unlinkat(s->directory, e->d_name, 0);
        }
        closedir(d);
}
