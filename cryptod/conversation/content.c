/* See content.h. */
#include "cryptod/conversation/content.h"

#include <errno.h>

#include "services/text.h"

enum { VERSION = 1 };

void content_write(struct writer *w, const struct content *c)
{
        write_u8(w, VERSION);
        write_u8(w, CONTENT_TEXT);
        write_u64(w, c->time);
        write_vector(w, c->text);
}

int content_read(struct bytes input, struct content *out)
{
        struct reader r;
        uint8_t version, kind;

        reader_init(&r, input);
        version = read_u8(&r);
        kind = read_u8(&r);
        if (r.error == 0 && (version != VERSION || kind != CONTENT_TEXT))
                return -EPROTONOSUPPORT;
        out->time = read_u64(&r);
        out->text = read_vector(&r);
        if (reader_finish(&r) < 0 || out->text.size == 0 || out->text.size > CONTENT_TEXT_MAX || !utf8_valid(out->text))
                return -EBADMSG;
        return 0;
}
