/* See intake.h. */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "relayd/link/chunk.h"
#include "services/cleanup.h"
#include "spool.h"

struct intake {
        sd_event_source *source;
        int from, to;
        uint8_t buffer[CHUNK_SIZE_MAX];
        size_t held;
        uint64_t size;
        struct writer names;
        const struct intake_handlers *handlers;
        void *userdata;
};

static void finish(struct intake *i, int error)
{
        i->source = sd_event_source_disable_unref(i->source);
        close(i->from);
        i->from = -1;
        i->handlers->done(i->userdata, error);
}

static int store_chunk(struct intake *i)
{
        struct bytes content = BYTES(i->buffer, i->held);
        uint8_t name[CHUNK_NAME_SIZE];
        int r = i->held > i->handlers->room(i->userdata) ? -EDQUOT : spool_write(i->to, content, i->size);

        if (r >= 0)
                r = chunk_name_of(content, name);
        if (r < 0)
                return r;
        write_fixed(&i->names, BYTES_OF(name));
        i->size += i->held;
        i->held = 0;
        return writer_finish(&i->names);
}

static int end_of_content(struct intake *i)
{
        if (i->held > 0)
                return chunk_size_valid(i->held) ? store_chunk(i) : -EBADMSG;
        return i->size > 0 ? 0 : -ENODATA;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct intake *i = userdata;
        ssize_t n = read(i->from, i->buffer + i->held, sizeof(i->buffer) - i->held);
        int r = 0;

        if (n < 0)
                r = errno == EAGAIN || errno == EINTR ? 0 : -errno;
        else
                i->held += (size_t) n;
        if (n == 0)
                finish(i, end_of_content(i));
        else if (i->held == sizeof(i->buffer))
                r = store_chunk(i);
        if (r < 0)
                finish(i, r);
        return 0;
}

int intake_new(sd_event *event, int from, int to, const struct intake_handlers *handlers, void *userdata,
               struct intake **out)
{
        struct intake *i = calloc(1, sizeof(*i));
        struct stat st;
        int r = 0;

        if (!i) {
                close(from);
                return -ENOMEM;
        }
        i->from = from;
        i->to = to;
        i->handlers = handlers;
        i->userdata = userdata;
        if (fstat(from, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
                r = -EINVAL;
        else if (fcntl(from, F_SETFL, fcntl(from, F_GETFL) | O_NONBLOCK) < 0)
                r = -errno;
        if (r >= 0)
                r = sd_event_add_io(event, &i->source, from, EPOLLIN, on_readable, i);
        if (r < 0) {
                intake_free(i);
                return r;
        }
        *out = i;
        return 0;
}

struct intake *intake_free(struct intake *i)
{
        if (!i)
                return NULL;
        sd_event_source_disable_unref(i->source);
        if (i->from >= 0)
                close(i->from);
        writer_release(&i->names);
        free(i);
        return NULL;
}

uint64_t intake_size(const struct intake *i)
{
        return i->size;
}

struct writer *intake_names(struct intake *i)
{
        return &i->names;
}
