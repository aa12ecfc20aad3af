/* What is kept of a message that is shown, for what a person does with it; and what they can do. */
#pragma once

#include <glib.h>

#include "ui/client/messages.h"

struct message_facts {
        uint64_t id, time;
        char *kind, *sender, *text, *file_name;
        char **mine; /* what the person thinks of it, ended by NULL */
        bool own, pinned, failed;
};

enum message_action {
        MESSAGE_REPLY,
        MESSAGE_COPY,
        MESSAGE_FORWARD,
        MESSAGE_EDIT,
        MESSAGE_PIN, /* or take it off */
        MESSAGE_INFO,
        MESSAGE_DELETE,
        MESSAGE_SAVE, /* its file */
};

struct message_events {
        void (*chosen)(const struct message_facts *m, enum message_action what, void *userdata);
        /* Thinks so of the message, or no longer. */
        void (*react)(const struct message_facts *m, const char *emoji, void *userdata);
        /* Wants to see this one. */
        void (*jump)(uint64_t message, void *userdata);
};

/* @self: the account's own address. */
struct message_facts *message_facts_new(const struct said *s, const char *self);
void message_facts_free(struct message_facts *m);

/* Whether this can be done with it. */
bool message_facts_allow(const struct message_facts *m, enum message_action what);

/* How it begins, on one line, for a quote or a label. g_free() it. */
char *message_facts_beginning(const char *text, const char *file_name);
