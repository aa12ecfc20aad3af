/* What an account is made of, for the files of account.h alone:
 *
 *     account.c           its link, its state, what its owner sets, its beginning and end
 *     account_question.c  what cryptod asks the hub, and is answered
 *     account_outbox.c    what goes to the hub, and by which of an account's links
 *     account_inbox.c     what comes from it
 *     account_doubt.c     whether the ledger is as new as the hub has seen it */
#pragma once

#include "account.h"

#define SWITCHED_OFF "The link of this account is switched off; set its property Enabled to go online."

/* Microseconds. */
uint64_t account_clock(clockid_t clock);

/* Writes the account's row and commits it; if that fails, it is @before again. Errors of the ledger. */
int account_write_row(struct account *a, const struct ledger_account *before);

/* Nothing is left of it here, nor of its further hubs; the objects go in the next turn. What could go by another link
 * does; the rest was refused. Errors of the ledger. */
int account_forget(struct account *a);

/* -- account_question.c ------------------------------------------------------------------------------------------- */

/* Asks the hub what was not asked yet. */
void account_ask_hub(struct account *a);

/* All who wait are told that the link is down; or, of an account that is gone, that another one's Delete has come
 * first. */
void account_fail_questions(struct account *a, const struct link_error *e);
void account_answer_removed(struct account *a);

void account_waiting_free(struct waiting *w);
const char *account_bus_error(const struct link_error *e);

/* -- account_outbox.c --------------------------------------------------------------------------------------------- */

/* Has what waits for this link, or row @row of it alone, go by those that are online, as far as it can; it could come
 * back if @keep. Whether anything goes. */
bool account_go_another_way(struct account *a, int64_t row, bool keep);

/* A hub that has not been reached for so long is gone round. */
void account_lose_patience(struct account *a);

void account_send_outbox(struct account *a);

/* -- account_inbox.c ---------------------------------------------------------------------------------------------- */

/* Has the hub push again what was dropped, when there is room; and tells it what is here. */
void account_fetch(struct account *a);
void account_acknowledge(struct account *a);

/* Of struct link_handlers. */
void account_on_entry(struct link *l, void *userdata, const struct entry *e);

/* -- account_doubt.c ---------------------------------------------------------------------------------------------- */

/* The link is up, and the hub has said what it knows; @same: its mailbox is the one of before. Errors of the ledger. */
int account_look_back(struct account *a, const struct authentication_answer *mailbox, bool same);
