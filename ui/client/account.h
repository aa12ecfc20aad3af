/* An account that this connection holds unlocked: its conversations and messages, and what changes in them.
 *
 * Results are borrowed: strings and lists given to a callback are valid during it. With an error, lists are empty. What
 * other people wrote is hostile until it has been made safe for where it is shown. Signals count only if they come from
 * the process that answers for the account. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

struct account;

struct conversation {
        const char *id;      /* 32 hex digits */
        const char *address; /* the other person's */
        uint32_t unread;
        uint64_t time; /* of the last message, microseconds since 1970; 0: none */
        const char *text;
};

struct message {
        uint64_t id;
        const char *sender; /* address */
        const char *text;
        uint64_t time;     /* microseconds since 1970 */
        const char *state; /* queued, stored, delivered, read, received, failed */
};

struct account_events {
        void (*message_added)(struct account *a, const char *conversation, uint64_t message, void *userdata);
        void (*message_changed)(struct account *a, const char *conversation, uint64_t message, const char *state,
                                void *userdata);
        /* account_id() and account_address() are known from now on. May be NULL. */
        void (*ready)(struct account *a, void *userdata);
        /* What a message says, or what is said of it, has changed; it is there no more; somebody (an address) types or
         * has stopped; what Describe says of a conversation has changed. May be NULL. */
        void (*message_edited)(struct account *a, const char *conversation, uint64_t message, void *userdata);
        void (*message_erased)(struct account *a, const char *conversation, uint64_t message, void *userdata);
        void (*typing)(struct account *a, const char *conversation, const char *who, bool typing, void *userdata);
        void (*conversation_changed)(struct account *a, const char *conversation, void *userdata);
        /* It is locked: by a person, by the machine, or because cryptod ended. Nothing more comes; log in again. */
        void (*locked)(struct account *a, void *userdata);
};

/* Follows the account at @path, which the connection has unlocked or been granted. @events must outlive it; ended by
 * account_free(). */
int account_open(sd_bus *bus, const char *path, const struct account_events *events, void *userdata,
                 struct account **out);
struct account *account_free(struct account *a);

/* Its own address, once the first of its properties have been read; "" before. */
const char *account_address(const struct account *a);
const char *account_id(const struct account *a);

/* Who made a call: calls end with the set that they were made in (see calls.h). */
struct calls;

typedef void (*account_conversations_done)(const struct conversation *list, size_t n, const sd_bus_error *error,
                                           void *userdata);
typedef void (*account_messages_done)(const struct message *list, size_t n, const sd_bus_error *error, void *userdata);

/* The calls below return what sd_bus_call_async(3) does; if that is an error, @done is not called. */
int account_conversations(struct account *a, struct calls *c, account_conversations_done done, void *userdata);

/* ReadMessages: up to @limit (1 to 500) with an id greater than @after; or the last ones. */
int account_messages(struct account *a, struct calls *c, const char *conversation, uint64_t after, uint32_t limit,
                     bool from_end, account_messages_done done, void *userdata);

/* @value: the conversation's id. */
typedef void (*account_id_done)(const char *value, const sd_bus_error *error, void *userdata);
int account_open_conversation(struct account *a, struct calls *c, const char *address, account_id_done done,
                              void *userdata);

typedef void (*account_number_done)(uint64_t value, const sd_bus_error *error, void *userdata);
int account_send(struct account *a, struct calls *c, const char *conversation, const char *text,
                 account_number_done done, void *userdata);

typedef void (*account_done)(const sd_bus_error *error, void *userdata);
int account_update(struct account *a, struct calls *c, const char *conversation, account_done done, void *userdata);
int account_lock(struct account *a, struct calls *c, account_done done, void *userdata);

/* A method call to the account's object, for the caller to add arguments to and to send. */
int account_new_call(const struct account *a, const char *interface, const char *member, sd_bus_message **out);

/* A call whose answer says no more than that it is done; the arguments are those of sd_bus_message_append(3). */
int account_call(struct account *a, struct calls *c, const char *interface, const char *member, account_done done,
                 void *userdata, const char *types, ...);
/* The same, for a call that was made with account_new_call() and has its arguments. */
int account_send_call(struct calls *c, sd_bus_message *m, account_done done, void *userdata);
/* The same, whatever is answered; nobody waits for it. */
int account_tell(struct account *a, const char *interface, const char *member, const char *types, ...);
/* A call that is answered with one number (t). */
int account_ask_number(struct account *a, struct calls *c, const char *interface, const char *member,
                       account_number_done done, void *userdata, const char *types, ...);

/* The bus on which the account is, and its object's path; borrowed. */
sd_bus *account_bus(const struct account *a);
const char *account_path(const struct account *a);
/* cryptod's unique name, once it has answered; NULL before. */
const char *account_owner(const struct account *a);

/* Nobody waits for the answer: what was not marked is unread the next time. */
void account_mark_read(struct account *a, const char *conversation, uint64_t message);
