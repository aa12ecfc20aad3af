/* What a person does with messages of a conversation: the calls, and the questions before them. */
#pragma once

#include "ui/client/calls.h"
#include "ui/desktop/message_facts.h"
#include "ui/desktop/people.h"

#include <gtk/gtk.h>

struct message_acts {
        GtkWidget *widget; /* in whose window is asked */
        const struct people *people;
        struct account *account;
        struct calls *calls;
        const char *conversation;
        account_done done; /* of every call: with the error, if there was one */
        void *userdata;
};

void message_acts_react(const struct message_acts *a, const struct message_facts *m, const char *emoji);
void message_acts_copy(const struct message_acts *a, const struct message_facts *m);
void message_acts_forward(const struct message_acts *a, const struct message_facts *m);
void message_acts_pin(const struct message_acts *a, const struct message_facts *m);
void message_acts_delete(const struct message_acts *a, const struct message_facts *m);
/* Who has got it and read it. */
void message_acts_info(const struct message_acts *a, const struct message_facts *m);
