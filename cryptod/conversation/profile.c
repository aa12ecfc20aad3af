/* See profile.h. */
#include "cryptod/conversation/profile.h"

#include <errno.h>
#include <string.h>

#include "cryptod/conversation/invitation.h"
#include "cryptod/conversation/roles.h"
#include "cryptod/mls/leaf_node.h"
#include "services/text.h"

enum { VERSION_WITHOUT_ROLES = 1, VERSION = 2, VERSION_WITH_INVITATIONS = 3 };

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
        write_u8(extensions, p->invitations.size > 0 ? VERSION_WITH_INVITATIONS : VERSION);
        write_u8(extensions, (uint8_t) p->kind);
        write_vector(extensions, p->name);
        write_u8(extensions, p->policy);
        write_vector(extensions, p->roles);
        write_vector(extensions, p->picture);
        if (p->invitations.size > 0)
                write_vector(extensions, p->invitations);
        writer_close_vector(extensions, mark);
}

int profile_read(struct bytes extensions, struct profile *out)
{
        struct profile p = { .kind = CONVERSATION_PERSON, .policy = POLICY_ALL };
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
        if (r.error == 0 && (version < VERSION_WITHOUT_ROLES || version > VERSION_WITH_INVITATIONS ||
                             p.kind < CONVERSATION_GROUP || p.kind > CONVERSATION_ROOM))
                return -EPROTONOSUPPORT;
        p.name = read_vector(&r);
        if (version >= VERSION) {
                p.policy = read_u8(&r);
                p.roles = read_vector(&r);
                p.picture = read_vector(&r);
        }
        if (version >= VERSION_WITH_INVITATIONS)
                p.invitations = read_vector(&r);
        if (reader_finish(&r) < 0 || !profile_name_valid(p.name) || p.policy > POLICY_ALL || roles_check(p.roles) < 0 ||
            p.picture.size > CONVERSATION_PICTURE_MAX || invitations_check(p.invitations) < 0)
                return -EBADMSG;
        *out = p;
        return 0;
}

void profile_write_others(struct bytes extensions, struct writer *out)
{
        struct reader r;

        reader_init(&r, extensions);
        while (reader_more(&r)) {
                uint16_t type = read_u16(&r);
                struct bytes data = read_vector(&r);

                if (type == EXTENSION_CONVERSATION_PROFILE)
                        continue;
                write_u16(out, type);
                write_vector(out, data);
        }
}
