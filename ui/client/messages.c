/* See messages.h. */
#include "ui/client/messages.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"

/* The keys with a plain value. */
static const struct {
        const char *key, *type;
        size_t offset;
} members[] = {
        { "Id", "t", offsetof(struct said, id) },
        { "Kind", "s", offsetof(struct said, kind) },
        { "Sender", "s", offsetof(struct said, sender) },
        { "Text", "s", offsetof(struct said, text) },
        { "State", "s", offsetof(struct said, state) },
        { "Time", "t", offsetof(struct said, time) },
        { "Edited", "t", offsetof(struct said, edited) },
        { "DeliveredTo", "t", offsetof(struct said, delivered_to) },
        { "ReadBy", "t", offsetof(struct said, read_by) },
        { "Lifetime", "t", offsetof(struct said, lifetime) },
        { "Own", "b", offsetof(struct said, own) },
        { "Forwarded", "b", offsetof(struct said, forwarded) },
        { "Pinned", "b", offsetof(struct said, pinned) },
        { "RepliesTo", "t", offsetof(struct said, replies_to) },
        { "Quote", "s", offsetof(struct said, quote) },
        { "QuoteSender", "s", offsetof(struct said, quote_sender) },
        { "FileName", "s", offsetof(struct said, file_name) },
        { "MediaType", "s", offsetof(struct said, media_type) },
        { "FileSize", "t", offsetof(struct said, file_size) },
};

static int add_reaction(struct said *s, const char *who, const char *emoji)
{
        struct said_reaction *grown = reallocarray(s->reactions, s->reaction_count + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        s->reactions = grown;
        s->reactions[s->reaction_count++] = (struct said_reaction){ who, emoji };
        return 0;
}

static int decode_reactions(sd_bus_message *m, struct said *s)
{
        const char *who, *emoji;
        int r;

        if ((r = sd_bus_message_enter_container(m, 'v', "a(sas)")) < 0 ||
            (r = sd_bus_message_enter_container(m, 'a', "(sas)")) < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'r', "sas")) > 0) {
                if ((r = sd_bus_message_read(m, "s", &who)) < 0 ||
                    (r = sd_bus_message_enter_container(m, 'a', "s")) < 0)
                        return r;
                while ((r = sd_bus_message_read(m, "s", &emoji)) > 0 && (r = add_reaction(s, who, emoji)) >= 0)
                        ;
                if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static int decode_value(sd_bus_message *m, const char *key, struct said *s)
{
        int flag, r;

        if (strcmp(key, "Reactions") == 0)
                return decode_reactions(m, s);
        for (size_t i = 0; i < COUNT_OF(members); i++) {
                void *at = (char *) s + members[i].offset;

                if (strcmp(members[i].key, key) != 0)
                        continue;
                s->is_reply = s->is_reply || strcmp(key, "RepliesTo") == 0;
                if (strcmp(members[i].type, "b") != 0)
                        return sd_bus_message_read(m, "v", members[i].type, at);
                r = sd_bus_message_read(m, "v", "b", &flag);
                *(bool *) at = r > 0 && flag;
                return r;
        }
        return sd_bus_message_skip(m, "v"); /* what a later version says */
}

static int decode_one(sd_bus_message *m, struct said *out)
{
        const char *key;
        int r;

        *out = (struct said){ .kind = "",
                              .sender = "",
                              .text = "",
                              .state = "",
                              .quote = "",
                              .quote_sender = "",
                              .file_name = "",
                              .media_type = "" };
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0)
                        r = decode_value(m, key, out);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        break;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

void messages_free(struct said *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(list[i].reactions);
        free(list);
}

int messages_decode(sd_bus_message *m, struct said **out, size_t *n)
{
        struct said *list = NULL;
        size_t count = 0;
        int r = sd_bus_message_enter_container(m, 'a', "a{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'a', "{sv}")) > 0) {
                struct said *grown = reallocarray(list, count + 1, sizeof(*list));

                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                list = grown;
                r = decode_one(m, &list[count++]);
        }
        if (r < 0) {
                messages_free(list, count);
                return r;
        }
        *out = list;
        *n = count;
        return 0;
}

static void decode_page(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        struct said *list = NULL;
        size_t n = 0;
        int r = error ? 0 : messages_decode(reply, &list, &n);

        ((messages_done) done)(list, n, r < 0 ? &calls_malformed : error, userdata);
        messages_free(list, n);
}

int messages_read(struct account *a, struct calls *c, const char *conversation, const struct said_page *page,
                  messages_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "Read", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "sa{sv}", conversation, 3, "before", "t", page->before, "after", "t",
                                          page->after, "limit", "u", page->limit);
        return r < 0 ? r : calls_send_decoded(c, m, decode_page, (call_receiver) done, userdata);
}
