/* An account opened for one command: the agent's unlock is shared, and calls are made and waited for one at a time. */
#pragma once

#include "ui/cli/cli.h"
#include "ui/client/description.h"

struct session {
        struct cli *cli;
        struct cli_account chosen;
        struct account *account;
        char conversation[33]; /* the one that the command is about; "" for none */
        uint64_t message;      /* the one that the command is about, or that Send answered with; its number */
};

/* Opens the account that is meant. @events (may have no other members than locked) must outlive the session; its
 * callbacks get @userdata. EXIT_OK, or the error has been printed; the caller ends it with session_close() in either
 * case. */
int session_open(struct cli *cli, const struct account_events *events, void *userdata, struct session *s);
void session_close(struct session *s);

/* For commands that are over before anything can happen behind their back. */
extern const struct account_events session_no_events;

/* Sets @s->conversation to the one that @whom names: a person's address, the nickname of a contact, or what
 * session_group() takes; nobody if more than one has the name. EXIT_OK, or the error has been printed. */
int session_conversation(struct session *s, const char *whom);

/* The group with this name, if there is only one, or with this id. */
int session_group(struct session *s, const char *group);

/* Sets @s->message to the one of @s->conversation that @word names: its number (visavis read --numbers), or "last", the
 * newest of anybody else's, or "mine". EXIT_OK, or the error has been printed. */
int session_message(struct session *s, const char *word);

/* What is set of @s->conversation; its strings are @reply's. EXIT_OK, or the error has been printed. */
int session_describe(struct session *s, sd_bus_message **reply, struct description *out);
