/* What is being written in a conversation: a text, maybe as an answer to a message, or in the place of one. The text is
 * kept by cryptod, a moment after the last key and whenever the conversation is left; an edit is not. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/composer.h"
#include "ui/desktop/message_facts.h"
#include "ui/desktop/people.h"

struct draft;

struct draft *draft_new(struct composer *composer, const struct people *people);
void draft_free(struct draft *d);

/* Begins with what cryptod has; @conversation must stay until draft_close(), which keeps what there is. */
void draft_open(struct draft *d, struct account *a, const char *conversation, const char *text, uint64_t replies_to);
void draft_close(struct draft *d);

/* Something was typed. */
void draft_typed(struct draft *d);

void draft_reply(struct draft *d, const struct message_facts *m);
void draft_edit(struct draft *d, const struct message_facts *m);
/* Neither any more. */
void draft_let_go(struct draft *d);
/* It was sent: nothing is kept. */
void draft_sent(struct draft *d);

uint64_t draft_replies_to(const struct draft *d); /* 0: nothing */
uint64_t draft_edits(const struct draft *d);      /* 0: nothing */
