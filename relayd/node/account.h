/* An account: its link to the hub, its queues, and the cryptod that is attached to it.
 *
 *     link:      OFFLINE ─(timer, Reconnect, Send)─▶ CONNECTING ─▶ ONLINE ─▶ OFFLINE, later and later, with jitter
 *                DISABLED while its owner does not want it
 *     outbox:    ledger ─▶ hub ─▶ outcome in the ledger ─▶ cryptod
 *     inbox:     hub ─▶ ledger ─▶ acknowledged to the hub; ledger ─▶ cryptod ─▶ dropped from the ledger
 *     doubt:     the hub knows of more ─▶ outbox and cryptod wait ─▶ cryptod attaches (again), account_reckon()
 *
 * A further hub of an account is one as well, with a transport key and a link of its own; its queues are those of the
 * account itself (account_queues()). What waits for a hub that cannot be reached for a while goes by another one if
 * there is a way to the same people.
 *
 * account_run() does whatever can be done now; everything that changes something has it called. It acts only on what is
 * committed. */
#pragma once

#include "allowance.h"
#include "node.h"
#include "relayd/link/link.h"
#include "relayd/link/room.h"

enum account_state {
        ACCOUNT_DISABLED,
        ACCOUNT_OFFLINE,
        ACCOUNT_CONNECTING,
        ACCOUNT_ONLINE,
};

/* A method call that is answered when the hub has answered. */
struct waiting {
        struct waiting *next;
        struct account *account;
        sd_bus_message *call;
        enum frame_type type;
        struct writer body;
        bool sent;
};

/* An envelope that the hub has not answered yet. */
struct under_way {
        struct account *account;
        int64_t row; /* 0: a free place */
};

enum { ACCOUNT_UNDER_WAY = 64 };

struct account {
        struct account *next;
        struct node *node;
        struct account *main; /* whose further hub it is, or NULL */
        struct ledger_account row;
        struct ledger_account durable; /* the row as it is on disk for certain */
        struct secret *transport_key;
        struct secret *invitation; /* text with its NUL; NULL once the hub has agreed, or if there is none */

        enum account_state state;
        uint64_t since; /* CLOCK_REALTIME, µs */
        char last_error[WIRE_SENTENCE_MAX + 1];
        struct link *link;
        SSL_SESSION *session;    /* resumes the next link */
        uint64_t received, sent; /* bytes of the links before this one */
        sd_event_source *work, *retry, *deliver_again, *report;
        unsigned failures;
        uint64_t tried_at;   /* CLOCK_BOOTTIME, µs: the last attempt to connect */
        uint64_t down_since; /* the same: since when it is not online */
        sd_event_source *patience;

        struct waiting *waiting; /* in the order of asking */
        sd_bus_message *adding;  /* AddAccount, not answered yet */
        bool removed;            /* freed in the next turn */

        struct under_way under_way[ACCOUNT_UNDER_WAY];
        int64_t sending;       /* the last row of the outbox that was given to the link */
        bool acknowledging;    /* or fetching */
        bool deaf;             /* entries are dropped until the hub has begun anew to push them */
        uint64_t acknowledged; /* the last number of the hub that it knows we have */
        uint32_t outbox, inbox;
        uint64_t held;      /* bytes in the inbox */
        uint32_t uncounted; /* entries that have come since they were counted */
        uint64_t uncounted_bytes;
        bool key_packages_low;
        uint32_t key_packages;

        struct transfer *transfers; /* files under way, transfer.h */
        struct errand *errands;
        int64_t withdrawing; /* the row of withdrawals that the hub has not answered; 0: none */
        struct allowance up, down;
        sd_event_source *pacing;

        char *peer; /* cryptod's unique name, NULL while nobody is attached */
        sd_bus_track *peer_track, *watchers;
        sd_bus_slot *deliver_call, *outcome_call, *low_call, *object;
        uint64_t delivered; /* the number in the inbox that cryptod has now, or has answered */
        int64_t reported;   /* the same for rows of the outcomes */
};

/* Makes an account's object and exports its link object; takes over @transport_key. Its link starts with
 * account_start(). */
int account_new(struct node *n, const struct ledger_account *row, struct secret *transport_key, struct account **out);
struct account *account_free(struct account *a);

/* The account whose queues it uses: itself, or the one whose further hub it is. */
static inline struct account *account_queues(struct account *a)
{
        return a->main ? a->main : a;
}

/* The account's link to the hub of @address, itself or a further one; NULL if it has none there. */
struct account *account_link_to(struct account *a, const struct address *address);

/* Opens the link now. */
void account_start(struct account *a);

/* As account_start(), unless it is online, connecting, or was tried a moment ago. */
void account_hurry(struct account *a);

/* What the owner wants, here and below also of the account's further hubs, which may be set apart after that: switched
 * off, the link goes down and stays down, also after a restart; the queues are kept.
 * Answers when that is on disk. */
int account_enable(struct account *a, bool enabled);

/* Through which proxy the link goes from now on: "" (none) or socks5://host:port. -EINVAL for anything else; else as
 * account_enable(). A link that is up is made again. */
int account_set_proxy(struct account *a, const char *proxy);

/* Deletes the account at its hub, unless @local_only, then here; answers @call, which its owner has made. */
int account_delete(struct account *a, sd_bus_message *call, bool local_only);

/* How many bytes a second files may use in each direction, 0: no limit. Answers when that is on disk. */
int account_set_bandwidth(struct account *a, uint64_t bandwidth);

/* Something is wrong on our side or the hub's: the link is closed, and comes back after a while. */
void account_break_link(struct account *a, const char *why);

/* The network, or the machine's sleep, is another one: a link that is up proves that it still is, another is made at
 * once. */
void account_network_changed(struct account *a);

/* Bytes over the network since relayd started. */
void account_traffic(const struct account *a, uint64_t *received, uint64_t *sent);

/* Does what can be done now. */
void account_run(struct account *a);

/* Has account_run() called in the next turn. */
void account_wake(struct account *a);

/* False while the ledger is in doubt: nothing goes out or in before account_reckon(). */
bool account_is_certain(struct account *a);

/* cryptod has seen whether its vault is an older copy, @old, after the ledger was in doubt: then what waits for the hub
 * is refused. What goes on goes on. Errors of the ledger. */
int account_reckon(struct account *a, bool old);

/* The cryptod at @name takes the account's envelopes from now on; NULL: nobody. */
int account_attach(struct account *a, const char *name);

/* Sends a request as soon as the link is up, and answers @call with what comes; takes over @body. */
int account_ask(struct account *a, sd_bus_message *call, enum frame_type type, struct writer *body);

/* link_object.c: exports im.visavis.Relay1.Link; and tells those who look at it that it has changed, soon. */
int link_object_export(struct account *a);
void link_object_changed(struct account *a);

/* cryptod.c: has cryptod attach again, if it is attached, for there is something to be seen first. Hands over the next
 * envelope, outcome and notice, if cryptod is attached and has answered the one before.
 */
void cryptod_detach(struct account *a);
void cryptod_deliver(struct account *a);

/* A transfer's state is another: tells it, if somebody is attached, who then asks. */
void cryptod_transfer_changed(struct account *a, struct bytes id);
