/* Withdrawals: chunks of cancelled uploads that the hub is still to drop. They are in the ledger until it has answered,
 * so a cancellation reaches it whenever the link is back, also after relayd's own start. They go before anything else
 * that is asked about chunks: what is uploaded anew meanwhile is not dropped. */
#pragma once

#include "transfer.h"

/* Notes that what the hub has of an upload is to be dropped; it happens with the ledger's next commit. */
int withdrawal_note(struct transfer *t);

/* Asks for the next one. True while there is one, or nothing can be known of them: no chunk is asked for then. To be
 * called while the link is up. */
bool withdrawal_step(struct account *a);
