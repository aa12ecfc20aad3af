/* An intake: reads a file from a pipe into the spool, chunk by chunk, and names each. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "services/bytes.h"

struct intake;

struct intake_handlers {
        /* How many more bytes may be written now. */
        uint64_t (*room)(void *userdata);
        /* Once, from the loop: all is in the spool, or a negative errno: -EDQUOT (room() was too small), -EBADMSG (the
         * content is not made of whole chunks), -ENODATA (there was none), or what read(2) and pwrite(2) say. */
        void (*done)(void *userdata, int error);
};

/* Takes over @from, a pipe or a stream socket, also on error; writes to @to, which must outlive it, as @handlers must.
 * -EINVAL if @from is something else, -ENOMEM. */
int intake_new(sd_event *event, int from, int to, const struct intake_handlers *handlers, void *userdata,
               struct intake **out);
struct intake *intake_free(struct intake *i);

/* What has come so far: the bytes, and the names, which the caller may take with writer_steal(). */
uint64_t intake_size(const struct intake *i);
struct writer *intake_names(struct intake *i);
