/* See standing.h. */
#include "cryptod/conversation/standing.h"

#include <errno.h>
#include <string.h>

#include "services/text.h"

/* struct { uint8 approval, flags; uint64 muted_until; opaque nickname<V>, pin<V>; } */
enum { BLOCKED = 1, ARCHIVED = 2, IN_PERSON = 4 };

const char *approval_name(enum approval a)
{
        static const char *const names[] = { "accepted", "met", "request" };

        return names[a];
}

bool nickname_valid(struct bytes nickname)
{
        if (nickname.size > NICKNAME_MAX || !utf8_valid(nickname))
                return false;
        for (size_t i = 0; i < nickname.size; i++) {
                if (nickname.data[i] < 0x20 || nickname.data[i] == 0x7f ||
                    (nickname.data[i] == 0xc2 && nickname.data[i + 1] < 0xa0))
                        return false;
        }
        return true;
}

bool standing_is_muted(const struct standing *s, uint64_t now)
{
        return now < s->muted_until;
}

void standing_write(const struct standing *s, struct writer *w)
{
        write_u8(w, (uint8_t) s->approval);
        write_u8(w, (uint8_t) ((s->blocked ? BLOCKED : 0) | (s->archived ? ARCHIVED : 0) |
                               (s->pinned_in_person ? IN_PERSON : 0)));
        write_u64(w, s->muted_until);
        write_vector(w, BYTES_STRING(s->nickname));
        write_vector(w, BYTES(s->pin, s->pinned ? sizeof(s->pin) : 0));
}

int standing_read(struct bytes input, struct standing *out)
{
        struct standing s = { 0 };
        struct bytes nickname, pin;
        struct reader r;
        uint8_t flags;

        reader_init(&r, input);
        s.approval = (enum approval) read_u8(&r);
        flags = read_u8(&r);
        s.muted_until = read_u64(&r);
        nickname = read_vector(&r);
        pin = read_vector(&r);
        if (reader_finish(&r) < 0 || s.approval > APPROVAL_REQUEST || !nickname_valid(nickname) ||
            (pin.size != 0 && pin.size != sizeof(s.pin)))
                return -EBADMSG;
        s.blocked = flags & BLOCKED;
        s.archived = flags & ARCHIVED;
        s.pinned_in_person = flags & IN_PERSON;
        s.pinned = pin.size > 0;
        if (nickname.size > 0)
                memcpy(s.nickname, nickname.data, nickname.size);
        if (pin.size > 0)
                memcpy(s.pin, pin.data, pin.size);
        *out = s;
        return 0;
}
