/* What an unlocked account does by itself: it sends the receipts that it owes, soon and many at once, and erases what
 * is to disappear when its time is over. */
#pragma once

struct account;

/* It was opened: what should be gone is erased before anybody sees it. */
void upkeep_start(struct account *a);

/* A receipt is owed; a message has a deadline. */
void upkeep_receipts(struct account *a);
void upkeep_deadlines(struct account *a);

/* It is locked. */
void upkeep_stop(struct account *a);
