/* See messages.h. */
#include "ui/client/messages.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/dictionary.h"

/* The keys with a plain value. */
static const struct dictionary_member members[] = {
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
        { "Quote", "s", offsetof(struct said, quote) },
        { "QuoteSender", "s", offsetof(struct said, quote_sender) },
        { "FileName", "s", offsetof(struct said, file_name) },
        { "MediaType", "s", offsetof(struct said, media_type) },
        { "FileSize", "t", offsetof(struct said, file_size) },
        { "Width", "t", offsetof(struct said, width) },
        { "Height", "t", offsetof(struct said, height) },
        { "Duration", "t", offsetof(struct said, duration) },
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

static int add_mention(struct said *s, struct said_mention mention)
{
        struct said_mention *grown = reallocarray(s->mentions, s->mention_count + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        s->mentions = grown;
        s->mentions[s->mention_count++] = mention;
        return 0;
}

static int decode_mentions(sd_bus_message *m, struct said *s)
{
        struct said_mention one;
        int r;

        if ((r = sd_bus_message_enter_container(m, 'v', "a(uus)")) < 0 ||
            (r = sd_bus_message_enter_container(m, 'a', "(uus)")) < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(uus)", &one.offset, &one.length, &one.address)) > 0 &&
               (r = add_mention(s, one)) >= 0)
                ;
        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static int decode_bytes(sd_bus_message *m, const uint8_t **out, size_t *size)
{
        const void *bytes;
        int r = sd_bus_message_enter_container(m, 'v', "ay");

        if (r < 0 || (r = sd_bus_message_read_array(m, 'y', &bytes, size)) < 0)
                return r;
        *out = bytes;
        return sd_bus_message_exit_container(m);
}

static int decode_other(sd_bus_message *m, const char *key, void *out)
{
        struct said *s = out;

        if (strcmp(key, "Reactions") == 0)
                return decode_reactions(m, s);
        if (strcmp(key, "Mentions") == 0)
                return decode_mentions(m, s);
        if (strcmp(key, "Thumbnail") == 0)
                return decode_bytes(m, &s->thumbnail, &s->thumbnail_size);
        if (strcmp(key, "Voice") == 0) {
                s->voice = true;
                return decode_bytes(m, &s->levels, &s->level_count);
        }
        if (strcmp(key, "RepliesTo") != 0)
                return sd_bus_message_skip(m, "v"); /* what a later version says */
        s->is_reply = true;
        return sd_bus_message_read(m, "v", "t", &s->replies_to);
}

static void release(struct said *s)
{
        free(s->reactions);
        free(s->mentions);
}

void messages_free(struct said *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                release(&list[i]);
        free(list);
}

static int decode_one(sd_bus_message *m, struct said **list, size_t *n)
{
        struct said one = { .kind = "",
                            .sender = "",
                            .text = "",
                            .state = "",
                            .quote = "",
                            .quote_sender = "",
                            .file_name = "",
                            .media_type = "" };
        int r = dictionary_read(m, members, COUNT_OF(members), decode_other, &one);
        struct said *grown = r > 0 ? reallocarray(*list, *n + 1, sizeof(**list)) : NULL;

        if (!grown) {
                release(&one);
                return r > 0 ? -ENOMEM : r;
        }
        *list = grown;
        grown[(*n)++] = one;
        return 1;
}

int messages_decode(sd_bus_message *m, struct said **out, size_t *n)
{
        struct said *list = NULL;
        size_t count = 0;
        int r = sd_bus_message_enter_container(m, 'a', "a{sv}");

        while (r >= 0 && (r = decode_one(m, &list, &count)) > 0)
                ;
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
                r = sd_bus_message_append(m, "sa{sv}", conversation, 4, "before", "t", page->before, "after", "t",
                                          page->after, "from", "t", page->from, "limit", "u", page->limit);
        return r < 0 ? r : calls_send_decoded(c, m, decode_page, (call_receiver) done, userdata);
}

int messages_pinned(struct account *a, struct calls *c, const char *conversation, messages_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "ListPinned", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", conversation);
        return r < 0 ? r : calls_send_decoded(c, m, decode_page, (call_receiver) done, userdata);
}

/* Saying something. */

static int append_mentions(sd_bus_message *m, const struct said_mention *mentions, size_t n)
{
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "mentions")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a(uus)")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(uus)")) < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "(uus)", mentions[i].offset, mentions[i].length, mentions[i].address);
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_options(sd_bus_message *m, uint64_t reply_to, const struct said_mention *mentions, size_t n)
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && reply_to > 0)
                r = sd_bus_message_append(m, "{sv}", "reply-to", "t", reply_to);
        if (r >= 0 && n > 0)
                r = append_mentions(m, mentions, n);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void decode_number(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        uint64_t value = 0;
        bool bad = !error && sd_bus_message_read(reply, "t", &value) <= 0;

        ((account_number_done) done)(value, bad ? &calls_malformed : error, userdata);
}

int messages_send(struct account *a, struct calls *c, const char *conversation, const char *text, uint64_t reply_to,
                  const struct said_mention *mentions, size_t n, account_number_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "Send", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "ss", conversation, text);
        if (r >= 0)
                r = append_options(m, reply_to, mentions, n);
        return r < 0 ? r : calls_send_decoded(c, m, decode_number, (call_receiver) done, userdata);
}

static void decode_nothing(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        ((account_done) done)(error, userdata);
}

int messages_react(struct account *a, struct calls *c, const char *conversation, uint64_t message,
                   const char *const *emoji, size_t n, account_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "React", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "st", conversation, message);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "s", emoji[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : calls_send_decoded(c, m, decode_nothing, (call_receiver) done, userdata);
}

/* Who has got it. */

static int read_receipts(sd_bus_message *m, struct receipt **list, size_t *n)
{
        struct receipt one;
        int r = sd_bus_message_enter_container(m, 'a', "(stt)");

        while (r >= 0 && (r = sd_bus_message_read(m, "(stt)", &one.who, &one.delivered, &one.read)) > 0) {
                struct receipt *grown = reallocarray(*list, *n + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                *list = grown;
                grown[(*n)++] = one;
        }
        return r;
}

static void decode_receipts(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_free_ struct receipt *list = NULL;
        size_t n = 0;

        if (!error && read_receipts(reply, &list, &n) < 0) {
                error = &calls_malformed;
                n = 0;
        }
        ((messages_receipts_done) done)(list, n, error, userdata);
}

int messages_receipts(struct account *a, struct calls *c, const char *conversation, uint64_t message,
                      messages_receipts_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "Receipts", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "st", conversation, message);
        return r < 0 ? r : calls_send_decoded(c, m, decode_receipts, (call_receiver) done, userdata);
}
