/* See notification.h. */
#include "cryptod/conversation/notification.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/storage.h"

/* The level is the setting of no conversation: a sealed row bound to the empty id,  struct { uint8 level; } */

static const char *const names[] = { "full", "sender", "bare" };

const char *notification_level_name(enum notification_level l)
{
        return names[l];
}

int notification_level_parse(const char *name, enum notification_level *out)
{
        for (unsigned i = 0; i <= NOTIFICATION_BARE; i++) {
                if (strcmp(name, names[i]) == 0) {
                        *out = (enum notification_level) i;
                        return 0;
                }
        }
        return -EINVAL;
}

int notification_level_load(struct vault *v, enum notification_level *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        _cleanup_secret_ struct secret *plain = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT content FROM setting WHERE conversation = x''", "");

        *out = NOTIFICATION_FULL;
        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                r = vault_unseal(v, "setting", BYTES(NULL, 0), storage_column_bytes(s, 0), &plain);
        if (r < 0 || !plain)
                return r;
        if (plain->size != 1 || plain->data[0] > NOTIFICATION_BARE)
                return -EBADMSG;
        *out = (enum notification_level) plain->data[0];
        return 0;
}

int notification_level_store(struct vault *v, enum notification_level l)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT;
        uint8_t level = (uint8_t) l;
        int r = vault_seal(v, "setting", BYTES(NULL, 0), BYTES(&level, 1), &sealed);

        return r < 0 ? r
                     : storage_run(vault_database(v), "INSERT OR REPLACE INTO setting VALUES (x'', ?)", "b",
                                   writer_bytes(&sealed));
}

void notification_release(struct notification *n)
{
        n->text = secret_free(n->text);
}

/* The beginning of a text, without half a character at its end. */
static struct secret *beginning(struct bytes text)
{
        struct secret *s;

        if (text.size > NOTIFICATION_TEXT_MAX) {
                text.size = NOTIFICATION_TEXT_MAX;
                while (text.size > 0 && (text.data[text.size] & 0xc0) == 0x80)
                        text.size--;
        }
        s = secret_new(text.size + 1);
        if (text.size > 0)
                memcpy(s->data, text.data, text.size);
        return s;
}

static bool is_first(struct vault *v, const struct conversation *c, uint64_t message)
{
        _cleanup_(message_release) struct message first = { 0 };

        return history_next(v, conversation_id(c), 0, &first) > 0 && first.id == message;
}

/* Who said it, and what; as much as @level allows. */
static void fill(const struct conversation *c, const struct message *m, enum notification_level level,
                 struct notification *n)
{
        if (level == NOTIFICATION_BARE)
                return;
        (void) snprintf(n->title, sizeof(n->title), "%s",
                        *c->standing.nickname ? c->standing.nickname : conversation_title(c));
        if (m->sender == SENDER_OTHER)
                (void) snprintf(n->sender, sizeof(n->sender), "%s", c->address);
        else
                (void) snprintf(n->sender, sizeof(n->sender), "%.*s", (int) m->from.size, (const char *) m->from.data);
        if (level == NOTIFICATION_FULL)
                n->text = beginning(m->content.text);
}

int notification_make(struct vault *v, const struct conversation *c, uint64_t message, uint64_t now,
                      struct notification *out)
{
        _cleanup_(message_release) struct message m = { 0 };
        enum notification_level level;
        int r;

        *out = (struct notification){ .request = c->standing.approval == APPROVAL_REQUEST };
        if (out->request)
                return is_first(v, c, message);
        if (c->standing.approval != APPROVAL_GIVEN || standing_is_muted(&c->standing, now))
                return 0;
        r = history_get(v, conversation_id(c), message, &m);
        if (r <= 0 || m.state != MESSAGE_RECEIVED || (m.sender != SENDER_OTHER && m.sender != SENDER_NAMED))
                return r < 0 ? r : 0;
        r = notification_level_load(v, &level);
        if (r < 0)
                return r;
        fill(c, &m, level, out);
        return 1;
}
