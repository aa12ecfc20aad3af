/* See notice.h. */
#include "cryptod/conversation/notice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/list.h"
#include "services/cleanup.h"

enum { NAMED_MAX = 10 }; /* people in one sentence */

uint64_t notice_time(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

int notice_add_at(struct messenger *m, const struct conversation *c, uint64_t time, const char *text)
{
        static const uint8_t no_salt[CONTENT_SALT_SIZE];
        const struct content content = {
                .salt = BYTES_OF(no_salt), .kind = CONTENT_TEXT, .time = time, .text = BYTES_STRING(text)
        };
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        struct message remark = { .state = MESSAGE_NOTICE, .sender = SENDER_NOTICE, .time = time };
        int r;

        content_write(&encoded, &content);
        r = writer_finish(&encoded);
        remark.encoded = writer_bytes(&encoded);
        if (r >= 0)
                r = history_add(m->vault, conversation_id(c), &remark);
        if (r >= 0)
                messenger_tell_added(m, c, remark.id);
        return r;
}

int notice_add(struct messenger *m, const struct conversation *c, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (r < 0)
                abort();
        return notice_add_at(m, c, notice_time(), text);
}

/* People of @list who are not in @other, in words; NULL if there are none. @among, unless NULL: only those who are in
 * it, or with @inside false those who are not. */
static char *missing(struct bytes list, struct bytes other, const struct bytes *among, bool inside, bool *marked)
{
        _cleanup_writer_ struct writer text = WRITER_INIT;
        unsigned count = 0;
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r)) {
                struct bytes who = read_vector(&r);

                if (list_holds(other, who) || (among && list_holds(*among, who) != inside) || count++ >= NAMED_MAX)
                        continue;
                if (count > 1)
                        write_fixed(&text, BYTES_STRING(", "));
                write_fixed(&text, who);
                *marked = *marked || (who.size > 0 && who.data[0] == '?');
        }
        if (count == 0)
                return NULL;
        if (count > NAMED_MAX) {
                char more[32];

                (void) snprintf(more, sizeof(more), " and %u more", count - NAMED_MAX);
                write_fixed(&text, BYTES_STRING(more));
        }
        write_u8(&text, 0);
        return (char *) writer_steal(&text, &(size_t){ 0 });
}

int notice_add_changes(struct messenger *m, const struct conversation *c, struct bytes before, struct bytes after,
                       struct bytes actor, struct bytes leavers)
{
        _cleanup_free_ char *joined = NULL, *added = NULL, *left = NULL, *removed = NULL;
        _cleanup_writer_ struct writer self = WRITER_INIT;
        struct bytes by = actor.size > 0 ? actor : BYTES_STRING("You");
        bool marked = false, gone = false;
        int r;

        write_vector(&self, actor);
        joined = missing(after, before, &(struct bytes){ self.data, self.size }, true, &marked);
        added = missing(after, before, &(struct bytes){ self.data, self.size }, false, &marked);
        left = missing(before, after, &leavers, true, &gone);
        removed = missing(before, after, &leavers, false, &gone);
        r = writer_finish(&self);
        if (r >= 0 && joined)
                r = notice_add(m, c, "%s joined.", joined);
        if (r >= 0 && added)
                r = notice_add(m, c, "%.*s added %s.", (int) by.size, (const char *) by.data, added);
        if (r >= 0 && left)
                r = notice_add(m, c, "%s left.", left);
        if (r >= 0 && removed)
                r = notice_add(m, c, "%.*s removed %s.", (int) by.size, (const char *) by.data, removed);
        if (r >= 0 && marked)
                r = notice_add(m, c,
                               "Somebody whom ? marks has another key than the one that is known for that address. Ask "
                               "them in another way; it may be somebody else.");
        return r;
}

static int add_role(struct messenger *m, const struct conversation *c, const struct device_credential *who,
                    enum role role)
{
        static const char *const words[] = { "a member without a role", "an admin", "an owner" };
        _cleanup_writer_ struct writer spelt = WRITER_INIT;

        if (bytes_equal(who->root_key, writer_bytes(&m->device->root_key)))
                return notice_add(m, c, "You are %s now.", words[role]);
        messenger_spell(m, who, &spelt);
        return notice_add(m, c, "%.*s is %s now.", (int) spelt.size, (const char *) spelt.data, words[role]);
}

int notice_add_roles(struct messenger *m, const struct conversation *c, const struct membership *g,
                     const struct roles *now)
{
        const struct roles before = { .list = writer_bytes(&g->noted) };
        struct device_credential who;
        int r = 0;

        for (uint32_t leaf = 0; r >= 0 && membership_member(g, &leaf, &who); leaf++) {
                enum role role = roles_of(now, who.root_key);

                if (role != roles_of(&before, who.root_key))
                        r = add_role(m, c, &who, role);
        }
        return r;
}
