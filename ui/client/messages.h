/* What is said in a conversation, and what is said of it: im.visavis.Crypto1.Messages, for programs that show it.
 *
 * What other people wrote is hostile until it has been made safe for where it is shown. */
#pragma once

#include "ui/client/account.h"

struct said_reaction {
        const char *who; /* address; "" of a remark */
        const char *emoji;
};

/* These bytes of the text mean somebody. */
struct said_mention {
        uint32_t offset, length;
        const char *address;
};

/* A message as Read and Get answer with it; docs/dbus/crypto1.md has the keys. Strings are "" and numbers 0 where a key
 * is not there. */
struct said {
        uint64_t id;
        const char *kind, *sender, *text, *state;
        uint64_t time, edited;          /* microseconds since 1970; edited 0: never */
        uint64_t delivered_to, read_by; /* members */
        uint64_t lifetime;              /* seconds; 0: for ever */
        bool own, forwarded, pinned, is_reply;
        uint64_t replies_to;                /* of a reply; 0: that message is not here */
        const char *quote, *quote_sender;   /* how it begins, and whose it is */
        const char *file_name, *media_type; /* of a file */
        uint64_t file_size;
        uint64_t width, height, duration; /* of a file, as its sender says: pixels, milliseconds */
        const uint8_t *thumbnail; /* of a file: its width and height, a byte each, then R, G, B a pixel; or NULL */
        size_t thumbnail_size;    /* bytes */
        bool voice;               /* a voice message */
        const uint8_t *levels;    /* of it: how loud it is, from its beginning to its end; may be none */
        size_t level_count;
        struct said_mention *mentions;
        size_t mention_count;
        struct said_reaction *reactions;
        size_t reaction_count;
};

/* Which: the newest first, before @before (0: from the newest); or with @after the oldest first, after that. */
struct said_page {
        uint64_t before, after, from; /* 0: not said */
        uint32_t limit;               /* 1 to 500 */
};

/* The list is borrowed during the call; with an error it is empty. */
typedef void (*messages_done)(const struct said *list, size_t n, const sd_bus_error *error, void *userdata);

/* Returns what sd_bus_call_async(3) does; if that is an error, @done is not called. */
int messages_read(struct account *a, struct calls *c, const char *conversation, const struct said_page *page,
                  messages_done done, void *userdata);

/* As messages_read(), for those that are pinned. */
int messages_pinned(struct account *a, struct calls *c, const char *conversation, messages_done done, void *userdata);

/* @done gets the new message's number. @reply_to: 0 for none. */
int messages_send(struct account *a, struct calls *c, const char *conversation, const char *text, uint64_t reply_to,
                  const struct said_mention *mentions, size_t n, account_number_done done, void *userdata);

/* All that one thinks of a message from now on; the strings are copied. */
int messages_react(struct account *a, struct calls *c, const char *conversation, uint64_t message,
                   const char *const *emoji, size_t n, account_done done, void *userdata);

/* Who has got a message of one's own. Microseconds since 1970; 0: not yet. */
struct receipt {
        const char *who;
        uint64_t delivered, read;
};
typedef void (*messages_receipts_done)(const struct receipt *list, size_t n, const sd_bus_error *error, void *userdata);
int messages_receipts(struct account *a, struct calls *c, const char *conversation, uint64_t message,
                      messages_receipts_done done, void *userdata);

/* Takes the array of dictionaries that comes next in @m apart: how many there are in @out, which messages_free() frees
 * and which borrows from @m. What sd_bus_message_read(3) returns, -ENOMEM. */
int messages_decode(sd_bus_message *m, struct said **out, size_t *n);
void messages_free(struct said *list, size_t n);
