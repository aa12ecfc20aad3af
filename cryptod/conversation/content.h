/* What an application message says, inside of its encryption (docs/content.md):
 *
 *     struct {
 *         uint8 version = 2;
 *         opaque salt[16];             random, so that nobody can guess an id
 *         uint64 time;                 microseconds since 1970, by the sender's clock
 *         uint32 lifetime;             seconds after which either side erases it; 0: never
 *         MessageId replies_to<V>;     one, or none
 *         uint8 kind;
 *         opaque body<V>;              by kind
 *         opaque fallback<V>;          what it says to those who do not know its kind: UTF-8, up to 1024 bytes
 *         Extension extensions<V>;     struct { uint16 type; opaque value<V>; }, those that are not known are ignored
 *     } Content;                       opaque MessageId[32]
 *
 *     text       struct { uint8 flags; opaque text<V>; Mention mentions<V>; } Text;    flags: 1, it is forwarded
 *                struct { uint32 offset, length; opaque address<V>; } Mention;         bytes of the text
 *     file       struct { Text caption; FilePart file<V>; }                            file_part.h
 *     lifetime   struct { uint32 seconds; }             from now on, for what is said in this conversation
 *     edit       struct { MessageId target; Text text; }
 *     reaction   struct { MessageId target; opaque emoji<V>[]; }    all that the sender thinks of it; none: nothing
 *     deletion   struct { MessageId target; }
 *     receipt    struct { uint8 what; MessageId targets[]; }        what: 1 delivered, 2 read
 *     typing     struct { uint8 typing; }
 *     pin        struct { MessageId target; uint8 pinned; }
 *     knock, opening: knock.h
 *
 * A kind below 128 stands in the history, and is a note (its fallback) where it is not known; one from 128 on does
 * something to what stands there, and is nothing where it is not known. Older clients send version 1:
 * struct { uint8 version = 1; uint8 kind = 1; uint64 time; opaque text<V>; } */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cryptod/conversation/file_part.h"
#include "services/bytes.h"

enum {
        CONTENT_TEXT_MAX = 65536,
        CONTENT_SALT_SIZE = 16,
        CONTENT_ID_SIZE = 32,
        CONTENT_FALLBACK_MAX = 1024,
        CONTENT_EXTENSIONS_MAX = 4096,
        CONTENT_MENTIONS_MAX = 64,
        CONTENT_REACTIONS_MAX = 8, /* of one person to one message */
        CONTENT_EMOJI_MAX = 64,    /* bytes: a family with skin tones has 41 */
        CONTENT_TARGETS_MAX = 256, /* of a receipt */
        CONTENT_LIFETIME_MAX = 366 * 24 * 3600,
        CONTENT_SIZE_MAX = 900 * 1024, /* with the file of the most chunks; it fits an envelope */
};

enum content_kind {
        CONTENT_TEXT = 1,
        CONTENT_FILE = 2,
        CONTENT_LIFETIME = 3,
        CONTENT_SILENT = 128, /* the first of those that do not stand in the history themselves */
        CONTENT_EDIT = 128,
        CONTENT_REACTION = 129,
        CONTENT_DELETION = 130,
        CONTENT_RECEIPT = 131,
        CONTENT_TYPING = 132,
        CONTENT_PIN = 133,
        CONTENT_KNOCK = 134, /* knock.h, which reads the body of these two */
        CONTENT_OPENING = 135,
        CONTENT_ASK_AGAIN = 136,  /* struct { uint64 since; MessageId have<V>; }: messenger_healing.h */
        CONTENT_SENT_AGAIN = 137, /* struct { opaque asker[32]; uint32 count; }, behind what was sent again */
};

enum receipt { RECEIPT_DELIVERED = 1, RECEIPT_READ = 2 };

struct content {
        uint8_t version;         /* 1 or 2; 0: of a later one, and nothing else is known */
        struct bytes salt;       /* CONTENT_SALT_SIZE; empty in version 1 */
        uint64_t time;           /* microseconds since 1970, by the sender's clock */
        uint32_t lifetime;       /* seconds; 0: never */
        struct bytes replies_to; /* CONTENT_ID_SIZE, or empty */
        uint8_t kind;            /* enum content_kind, or one that is not known */
        struct bytes target;     /* edit, reaction, deletion, pin: CONTENT_ID_SIZE */
        struct bytes text;       /* text, file (may be empty), edit: UTF-8 */
        struct bytes mentions;
        bool forwarded;
        bool on;              /* typing, pin */
        uint32_t seconds;     /* lifetime */
        enum receipt receipt; /* receipt */
        struct bytes list;    /* reaction: opaque emoji<V>[]; receipt: ids */
        struct file_part file;
        struct bytes
                part; /* @file as it stands there, with what a later version says; to be written: empty, or it counts */
        struct bytes body;     /* as it stands there */
        struct bytes fallback; /* may be empty */
        struct bytes extensions;
};

struct mention {
        uint32_t offset, length; /* bytes of the text */
        struct bytes address;    /* name@host:port */
};

/* Whether it stands in the history itself. */
bool content_is_shown(const struct content *c);

/* Appends one of version 2; it has a salt, and its body is made of the members that belong to its kind, or is @body if
 * the kind is not known. Whether it is within its bounds is not looked at: content_read() does that. */
void content_write(struct writer *w, const struct content *c);

/* As views. Of a later version: version 0, of a kind that is shown, with nothing in it. -EBADMSG, also if a member is
 * not within its bounds. */
int content_read(struct bytes input, struct content *out);

/* The next mention of @r, which was set up over a content's mentions. */
struct mention read_mention(struct reader *r);
void write_mention(struct writer *w, const struct mention *m);

/* An account, for comparing and for ids: SHA-256 of struct { opaque address<V>, root_key<V>; }. */
enum { AUTHOR_SIZE = 32 };
void content_author(struct bytes address, struct bytes root_key, uint8_t out[static AUTHOR_SIZE]);

/* The id on which all members agree, after draft-ietf-mimi-content: a byte for the hash, 1, and the first 31 bytes of
 *     SHA-256(author ‖ conversation<V> ‖ content<V> ‖ salt)
 * so that who writes a content in a conversation has its id, and nobody else. @conversation: of two, both authors, the
 * smaller first; of a group, its MLS group id. @encoded: the content as it was sent. */
void content_id(struct bytes author, struct bytes conversation, struct bytes encoded, struct bytes salt,
                uint8_t out[static CONTENT_ID_SIZE]);
