/* See profile.h. */
#include "cryptod/conversation/profile.h"

#include <errno.h>
#include <string.h>

#include "cryptod/mls/leaf_node.h"
#include "services/text.h"

enum { VERSION = 1 };

bool profile_name_valid(struct bytes name)
{
        if (name.size == 0 || name.size > CONVERSATION_NAME_MAX || !utf8_valid(name) ||
            memchr(name.data, '@', name.size))
                return false;
        for (size_t i = 0; i < name.size; i++) {
                /* C0 and DEL; and C1, which is c2 80 to c2 9f. */
                if (name.data[i] < 0x20 || name.data[i] == 0x7f || (name.data[i] == 0xc2 && name.data[i + 1] < 0xa0))
                        return false;
        }
        return name.data[0] != '#' && name.data[0] != ' ';
}

void profile_write(const struct profile *p, struct writer *extensions)
{
        size_t mark;

        write_u16(extensions, EXTENSION_CONVERSATION_PROFILE);
        mark = writer_open_vector(extensions);
        write_u8(extensions, VERSION);
        write_u8(extensions, (uint8_t) p->kind);
        write_vector(extensions, p->name);
        writer_close_vector(extensions, mark);
}

int profile_read(struct bytes extensions, struct profile *out)
{
        struct profile p = { .kind = CONVERSATION_PERSON };
        struct bytes data;
        struct reader r;
        uint8_t version;

        if (!extension_find(extensions, EXTENSION_CONVERSATION_PROFILE, &data)) {
                *out = p;
                return 0;
        }
        reader_init(&r, data);
        version = read_u8(&r);
        p.kind = (enum conversation_kind) read_u8(&r);
        if (r.error == 0 && (version != VERSION || p.kind < CONVERSATION_GROUP || p.kind > CONVERSATION_ROOM))
                return -EPROTONOSUPPORT;
        p.name = read_vector(&r);
        if (reader_finish(&r) < 0 || !profile_name_valid(p.name))
                return -EBADMSG;
        *out = p;
        return 0;
}
