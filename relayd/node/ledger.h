/* The ledger: all that relayd must not forget. Accounts with their sealed transport keys, envelopes on their way to the
 * hub (outbox), what became of them (outcomes), envelopes on their way to cryptod (inbox).
 *
 * What one turn of the event loop writes is one transaction: a writer calls ledger_join() first, and has whatever may
 * only happen once it is on disk called by ledger_then(). */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "relayd/link/message.h"
#include "services/address.h"
#include "services/secret.h"

enum { LEDGER_PROXY_MAX = 9 + 255 + 1 + 5 + 1 };

struct ledger;

/* After each commit or its failure, when all ledger_then() have been called. */
typedef void (*ledger_settled)(void *userdata);

/* Opens @directory/relayd.db. @key seals the transport keys; it must outlive the ledger. A sentence has been logged on
 * error. */
int ledger_open(sd_event *event, const char *directory, const struct secret *key, ledger_settled settled,
                void *userdata, struct ledger **out);

/* Commits what is open and closes. Returns NULL. */
struct ledger *ledger_close(struct ledger *l);

/* Makes sure that a transaction is open, to be committed at the end of this turn. Errors: storage_errno(), a sentence
 * has been logged. */
int ledger_join(struct ledger *l);

/* Calls @done once after the commit of the open transaction, with its error if it failed: then nothing in it has
 * happened. */
int ledger_then(struct ledger *l, void (*done)(void *userdata, int error), void *userdata);

/* Commits now. 0 if nothing is open. */
int ledger_commit(struct ledger *l);

/* True while something is written that is not committed. */
bool ledger_busy(const struct ledger *l);

/* A sentence for whoever asked, about the last failure. Valid until the next. */
const char *ledger_describe(const struct ledger *l);

struct ledger_account {
        int64_t id;
        char account[65];
        uint32_t uid;
        struct address address;
        bool enabled;                             /* its owner wants the link */
        bool registered;                          /* the hub has agreed */
        uint64_t bandwidth;                       /* bytes a second for files, in each direction; 0: no limit */
        bool first_use;                           /* the address had no key: the first one seen is trusted */
        char proxy[LEDGER_PROXY_MAX];             /* "" or socks5://host:port */
        uint8_t generation[WIRE_GENERATION_SIZE]; /* of the mailbox; zero before the first link */
        uint64_t received;                        /* the last sequence number of the hub that is in the inbox or was */
        uint64_t sequence;                        /* the last one that was given out to cryptod */
        int64_t main;                             /* a further hub's: the account that has the queues; else 0 */
        /* A hub knows of more than the ledger did, which was put back from an older copy, and cryptod's vault perhaps
         * as well: nothing goes out or in before cryptod has said so. */
        bool doubt;
};

/* Calls @each for all accounts; @transport_key is its to keep. A negative value from it ends the walk. */
int ledger_accounts(struct ledger *l,
                    int (*each)(void *userdata, const struct ledger_account *a, struct secret *transport_key),
                    void *userdata);

/* Adds an account and sets its id. -EEXIST. */
int ledger_add_account(struct ledger *l, struct ledger_account *a, const struct secret *transport_key);
int ledger_remove_account(struct ledger *l, int64_t id);

/* Writes the hub's key, enabled, registered, first_use, proxy, bandwidth, generation, received, sequence, and
 * doubt. */
int ledger_update_account(struct ledger *l, const struct ledger_account *a);

/* For transfer_rows.c, which has tables of its own in the ledger: the database, and what every failure is told to,
 * which is returned. */
sqlite3 *ledger_database(struct ledger *l);
int ledger_note(struct ledger *l, int error);

struct ledger_envelope {
        int64_t row;
        struct send send; /* views are valid until the callback returns */
        bool is_for_room; /* its payload is a body of SEND_TO_ROOM (room.h), and it has nothing else */
};

/* Queues an envelope, to go by the link of @account itself or of a further hub of its. 1, or 0 if this id is in the
 * outbox or among the outcomes already. */
int ledger_queue(struct ledger *l, int64_t account, int64_t link, const struct send *send);

/* Another link that would do for the envelope that has just been queued, with its recipients there. */
int ledger_add_way(struct ledger *l, int64_t account, const struct send *send, int64_t link);

/* What waits for link @from, or its row @row alone (0: all), goes by @to instead, as far as that would do; it could go
 * back if @keep. How many. */
int ledger_move(struct ledger *l, int64_t from, int64_t to, int64_t row, bool keep);

/* The same for the whole body of a SEND_TO_ROOM, in which @id stands, too. */
int ledger_queue_for_room(struct ledger *l, int64_t account, struct bytes id, struct bytes body);

/* The first envelope in the outbox that goes by @link, after row @after: 1 and @each was called with it, 0 if there is
 * none. */
int ledger_next_envelope(struct ledger *l, int64_t link, int64_t after,
                         void (*each)(void *userdata, const struct ledger_envelope *e), void *userdata);

/* Moves an envelope from the outbox to the outcomes. */
int ledger_conclude(struct ledger *l, int64_t account, int64_t row, const char *result, uint64_t winner,
                    const char *reason);

/* The same for all that goes by @link. */
int ledger_refuse_all(struct ledger *l, int64_t link, const char *reason);

struct ledger_outcome {
        int64_t row;
        uint8_t id[WIRE_MESSAGE_ID_SIZE];
        char result[16];
        uint64_t winner;
        char reason[WIRE_SENTENCE_MAX + 1];
};

/* The first outcome after row @after: 1, or 0 if there is none. */
int ledger_next_outcome(struct ledger *l, int64_t account, int64_t after, struct ledger_outcome *out);
int ledger_drop_outcome(struct ledger *l, int64_t row);

/* Puts an envelope into the inbox under its number for cryptod. */
int ledger_receive(struct ledger *l, int64_t account, uint64_t sequence, struct bytes envelope);

/* The first envelope in the inbox after @after: 1 and a memfd that the caller closes, or 0 if there is none. */
int ledger_next_received(struct ledger *l, int64_t account, uint64_t after, uint64_t *sequence, int *envelope);
int ledger_drop_received(struct ledger *l, int64_t account, uint64_t sequence);

/* The largest id that a hub has stored of this account. 1 if neither what was concluded comes up to it nor it waits in
 * the outbox: somebody else has sent it, who had this ledger later on. From now on it is known, and that as many were
 * queued as the number says that it begins with. Else 0. */
int ledger_note_sent(struct ledger *l, int64_t account, const uint8_t id[static WIRE_MESSAGE_ID_SIZE]);

/* So many came that this ledger does not know of. */
int ledger_note_missed(struct ledger *l, int64_t account, uint64_t count);

/* After a doubt: what comes is counted anew. */
int ledger_count_anew(struct ledger *l, int64_t account);

/* What cryptod must know of at least. -ENOENT */
struct ledger_witness {
        uint64_t queued;    /* envelopes that were ever queued for the account */
        uint64_t delivered; /* the last number in the inbox that cryptod has answered for */
        uint64_t arrived;   /* envelopes that came and are not in the inbox; UINT64_MAX: not known */
        uint8_t concluded[WIRE_MESSAGE_ID_SIZE]; /* the largest id that a hub has answered; zeros if none is known */
};
int ledger_witness(struct ledger *l, int64_t account, struct ledger_witness *out);

/* Lengths of the queues: what goes by @link, and what has come for @account, which has @held bytes. */
int ledger_count(struct ledger *l, int64_t link, int64_t account, uint32_t *outbox, uint32_t *inbox, uint64_t *held);
