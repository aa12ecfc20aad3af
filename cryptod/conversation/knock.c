/* See knock.h. */
#include "cryptod/conversation/knock.h"

#include <errno.h>

void knock_write(const struct knock *k, struct writer *w)
{
        write_u8(w, (uint8_t) k->why);
        write_fixed(w, k->id);
        write_vector(w, k->proof);
}

void opening_write(const struct opening *o, struct writer *w)
{
        write_fixed(w, o->id);
        write_vector(w, o->slot);
        write_vector(w, o->group_info);
}

int knock_read(struct bytes body, struct knock *out)
{
        struct knock k;
        struct reader r;

        reader_init(&r, body);
        k.why = (enum knock_reason) read_u8(&r);
        k.id = read_fixed(&r, KNOCK_ID_SIZE);
        k.proof = read_vector(&r);
        if (reader_finish(&r) < 0 || k.why < KNOCK_INVITED || k.why > KNOCK_RETURNS ||
            (k.proof.size == 0) != (k.why == KNOCK_RETURNS))
                return -EBADMSG;
        *out = k;
        return 0;
}

int opening_read(struct bytes body, struct opening *out)
{
        struct opening o;
        struct reader r;

        reader_init(&r, body);
        o.id = read_fixed(&r, KNOCK_ID_SIZE);
        o.slot = read_vector(&r);
        o.group_info = read_vector(&r);
        if (reader_finish(&r) < 0 || o.slot.size != (o.group_info.size > 0 ? KNOCK_ID_SIZE : 0))
                return -EBADMSG;
        *out = o;
        return 0;
}
