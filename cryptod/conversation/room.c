/* See room.h. */
#include "cryptod/conversation/room.h"

#include <errno.h>

enum { ENTRY_MARK = 0xfff1 };

bool room_name_valid(struct bytes name)
{
        if (name.size < 1 || name.size > ROOM_NAME_MAX)
                return false;
        for (size_t i = 0; i < name.size; i++) {
                uint8_t c = name.data[i];
                bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

                if (!alphanumeric && (i == 0 || (c != '.' && c != '_' && c != '-')))
                        return false;
        }
        return true;
}

int room_post_write(const struct room_post *p, struct writer *w)
{
        if (p->payload.size + p->group_info.size > ROOM_CONTENT_MAX)
                return -EMSGSIZE;
        write_vector(w, p->room);
        write_vector(w, p->group);
        write_u8(w, (uint8_t) p->step);
        write_u64(w, p->epoch);
        write_vector(w, p->removed);
        write_vector(w, p->group_info);
        write_vector(w, p->payload);
        return writer_finish(w);
}

bool room_entry_is(struct bytes envelope)
{
        struct reader r;

        reader_init(&r, envelope);
        return read_u16(&r) == ENTRY_MARK;
}

int room_entry_read(struct bytes envelope, struct room_entry *out)
{
        struct room_entry e;
        struct reader r;

        reader_init(&r, envelope);
        if (read_u16(&r) != ENTRY_MARK)
                reader_fail(&r);
        e.step = (enum room_step) read_u8(&r);
        e.sender = read_vector(&r);
        e.payload = read_vector(&r);
        if (reader_finish(&r) < 0 || e.step > ROOM_JOIN || (e.step == ROOM_JOIN) != (e.sender.size > 0))
                return -EBADMSG;
        *out = e;
        return 0;
}

int room_state_read(struct bytes body, struct room_state *out)
{
        struct room_state s;
        struct reader r;

        reader_init(&r, body);
        s.group = read_vector(&r);
        s.epoch = read_u64(&r);
        s.group_info = read_vector(&r);
        if (reader_finish(&r) < 0 || (s.group.size == 0) != (s.group_info.size == 0))
                return -EBADMSG;
        *out = s;
        return 0;
}
