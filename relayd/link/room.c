/* See room.h. */
#include "room.h"

#include <errno.h>
#include <string.h>

static struct bytes read_name(struct reader *r)
{
        struct bytes name = read_vector(r);

        if (!wire_name_valid(name))
                reader_fail(r);
        return name;
}

/* A vector of names, as a view of its content. */
static struct bytes read_names(struct reader *r, unsigned max, unsigned *count)
{
        struct reader names = read_vector_open(r);
        struct bytes content = names.rest, name;

        *count = 0;
        while (recipient_next(&names, &name))
                ++*count;
        reader_close_vector(r, &names);
        if (*count > max)
                reader_fail(r);
        return content;
}

void write_room_post(struct writer *w, const struct room_post *m)
{
        write_fixed(w, BYTES_OF(m->id));
        write_vector(w, m->room);
        write_vector(w, m->group);
        write_u8(w, (uint8_t) m->step);
        write_u64(w, m->epoch);
        write_vector(w, m->removed);
        write_vector(w, m->group_info);
        write_vector(w, m->payload);
}

static bool post_fits_step(const struct room_post *m)
{
        bool commits = m->step == ROOM_COMMIT || m->step == ROOM_JOIN;

        return m->step <= ROOM_JOIN && (commits ? m->group_info.size > 0 : m->group_info.size == 0 && m->epoch == 0) &&
               (m->removed_count == 0 || m->step == ROOM_COMMIT);
}

int read_room_post(struct bytes body, struct room_post *out)
{
        struct room_post m;
        struct bytes id;
        struct reader r;
        int e;

        reader_init(&r, body);
        id = read_fixed(&r, sizeof(m.id));
        m.room = read_name(&r);
        m.group = read_vector(&r);
        m.step = (enum room_step) read_u8(&r);
        m.epoch = read_u64(&r);
        m.removed = read_names(&r, ROOM_MEMBERS_MAX, &m.removed_count);
        m.group_info = read_vector(&r);
        m.payload = read_vector(&r);
        e = reader_finish(&r);
        if (e < 0)
                return e;
        if (!post_fits_step(&m) || m.group.size < 1 || m.group.size > WIRE_GROUP_MAX || m.payload.size < 1 ||
            m.payload.size + m.group_info.size > WIRE_PAYLOAD_MAX - ROOM_ENTRY_HEAD_MAX)
                return -EBADMSG;
        memcpy(m.id, id.data, sizeof(m.id));
        *out = m;
        return 0;
}

void write_room_departed(struct writer *w, struct bytes names)
{
        write_vector(w, names);
}

int read_room_departed(struct bytes body, struct bytes *out)
{
        struct bytes names;
        unsigned count;
        struct reader r;

        reader_init(&r, body);
        names = read_names(&r, ROOM_MEMBERS_MAX, &count);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        *out = names;
        return 0;
}

bool room_entry_is(struct bytes payload)
{
        return payload.size >= 2 && payload.data[0] == ROOM_ENTRY_MARK >> 8 &&
               payload.data[1] == (ROOM_ENTRY_MARK & 0xff);
}

void write_room_entry(struct writer *w, const struct room_entry *m)
{
        write_u16(w, ROOM_ENTRY_MARK);
        write_u8(w, (uint8_t) m->step);
        write_vector(w, m->sender);
        write_vector(w, m->payload);
}

int read_room_entry(struct bytes payload, struct room_entry *out)
{
        struct room_entry m;
        struct reader r;

        reader_init(&r, payload);
        if (read_u16(&r) != ROOM_ENTRY_MARK)
                reader_fail(&r);
        m.step = (enum room_step) read_u8(&r);
        m.sender = read_vector(&r);
        m.payload = read_vector(&r);
        if (reader_finish(&r) < 0 || m.step > ROOM_JOIN || m.payload.size == 0 ||
            (m.step == ROOM_JOIN ? !wire_name_valid(m.sender) : m.sender.size > 0))
                return -EBADMSG;
        *out = m;
        return 0;
}

void write_room_state(struct writer *w, const struct room_state *m)
{
        write_vector(w, m->group);
        write_u64(w, m->epoch);
        write_vector(w, m->group_info);
}

int read_room_state(struct bytes body, struct room_state *out)
{
        struct room_state m;
        struct reader r;

        reader_init(&r, body);
        m.group = read_vector(&r);
        m.epoch = read_u64(&r);
        m.group_info = read_vector(&r);
        if (reader_finish(&r) < 0 || m.group.size > WIRE_GROUP_MAX || m.group_info.size > WIRE_PAYLOAD_MAX ||
            (m.group.size == 0) != (m.group_info.size == 0) || (m.group.size == 0 && m.epoch != 0))
                return -EBADMSG;
        *out = m;
        return 0;
}

void write_room(struct writer *w, struct bytes name, uint32_t members)
{
        write_vector(w, name);
        write_u32(w, members);
}

bool room_next(struct reader *r, struct bytes *name, uint32_t *members)
{
        if (!reader_more(r))
                return false;
        *name = read_name(r);
        *members = read_u32(r);
        return r->error >= 0;
}

void write_rooms(struct writer *w, struct bytes rooms)
{
        write_vector(w, rooms);
}

int read_rooms(struct bytes body, struct bytes *out)
{
        struct bytes name, content;
        uint32_t members;
        struct reader r;
        unsigned n = 0;

        reader_init(&r, body);
        struct reader rooms = read_vector_open(&r);

        content = rooms.rest;
        while (room_next(&rooms, &name, &members))
                n++;
        reader_close_vector(&r, &rooms);
        if (n > ROOMS_MAX)
                reader_fail(&r);
        if (reader_finish(&r) < 0)
                return -EBADMSG;
        *out = content;
        return 0;
}
