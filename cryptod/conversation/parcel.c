/* See parcel.h. */
#include "cryptod/conversation/parcel.h"

#include <errno.h>

enum { FORMAT = 0xf101 };

void parcel_write(const struct parcel *p, struct writer *w)
{
        if (p->welcome.size == 0) {
                write_fixed(w, p->message);
                return;
        }
        write_u16(w, FORMAT);
        write_vector(w, p->message);
        write_vector(w, p->welcome);
}

int parcel_read(struct bytes envelope, struct parcel *out)
{
        struct parcel p = { .message = envelope };
        struct reader r;

        reader_init(&r, envelope);
        if (read_u16(&r) != FORMAT || r.error < 0) {
                *out = p;
                return r.error < 0 ? -EBADMSG : 0;
        }
        p.message = read_vector(&r);
        p.welcome = read_vector(&r);
        if (reader_finish(&r) < 0 || p.message.size == 0 || p.welcome.size == 0)
                return -EBADMSG;
        *out = p;
        return 0;
}
