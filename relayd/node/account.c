/* See account.h. */
#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"
#include "services/seal.h"
#include "transfer.h"

enum {
        BACKOFF_FIRST_USEC = 1000 * 1000,
        REPLACED_FAILURES = 6,        /* another machine has our key: no tug of war */
        HURRY_USEC = 3 * 1000 * 1000, /* no new attempt sooner than this after the last, whoever asks */
        IN_FLIGHT = 64,               /* envelopes under way to the hub */
};

#define GONE_HUB "The hub by which it was to go is none of this account any more."
#define SWITCHED_OFF "The link of this account is switched off; set its property Enabled to go online."

static uint64_t clock_usec(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        account_wake(userdata);
        return 0;
}

/* From now on it is not online. */
static void start_patience(struct account *a)
{
        uint64_t patience = a->node->settings.patience_usec;

        a->down_since = clock_usec(CLOCK_BOOTTIME);
        if (!a->patience)
                (void) sd_event_add_time_relative(a->node->event, &a->patience, CLOCK_BOOTTIME, patience, 0,
                                                  on_patience, a);
        else if (sd_event_source_set_time_relative(a->patience, patience) >= 0)
                (void) sd_event_source_set_enabled(a->patience, SD_EVENT_ONESHOT);
}

static void set_state(struct account *a, enum account_state state)
{
        if (a->state == state)
                return;
        if (a->state == ACCOUNT_ONLINE)
                start_patience(a);
        a->state = state;
        a->since = clock_usec(CLOCK_REALTIME);
        link_object_changed(a);
        for (struct transfer *t = a->transfers; t; t = t->next)
                transfer_object_changed(t);
}

void account_wake(struct account *a)
{
        (void) sd_event_source_set_enabled(a->work, SD_EVENT_ONESHOT);
}

void account_break_link(struct account *a, const char *why)
{
        if (a->link)
                link_close(a->link, why);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        account_start(userdata);
        return 0;
}

/* Exponential back-off with jitter, so that a hub that comes back is not stormed: half to one and a half of the nominal
 * time. */
static void schedule_retry(struct account *a)
{
        uint64_t nominal = BACKOFF_FIRST_USEC << (a->failures < 12 ? a->failures : 12), noise;

        if (nominal > a->node->settings.backoff_usec)
                nominal = a->node->settings.backoff_usec;
        a->failures++;
        random_fill(&noise, sizeof(noise));
        (void) sd_event_source_set_time_relative(a->retry, nominal / 2 + noise % (nominal + 1));
        (void) sd_event_source_set_enabled(a->retry, SD_EVENT_ONESHOT);
}

static void waiting_free(struct waiting *w)
{
        struct account *a = w->account;

        for (struct waiting **p = &a->waiting; *p; p = &(*p)->next) {
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        }
        sd_bus_message_unref(w->call);
        writer_release(&w->body);
        free(w);
}

static const char *bus_error_of(const struct link_error *e)
{
        if (e->failure != LINK_REFUSED)
                return ERROR_HUB;
        switch (e->code) {
        case WIRE_ERROR_NAME_TAKEN:
                return ERROR_EXISTS;
        case WIRE_ERROR_UNKNOWN_RECIPIENT:
        case WIRE_ERROR_NO_KEY_PACKAGE:
        case WIRE_ERROR_NO_ROOM:
                return ERROR_NOT_FOUND;
        case WIRE_ERROR_TOO_FAST:
                return ERROR_THROTTLED;
        case WIRE_ERROR_TOO_LARGE:
                return ERROR_INVALID_ARGUMENT;
        default:
                return ERROR_HUB;
        }
}

/* Has what waits for this link, or row @row of it alone, go by those that are online, as far as it can. */
static bool go_another_way(struct account *a, int64_t row, bool keep)
{
        int moved = 0;

        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (b == a || b->removed || b->state != ACCOUNT_ONLINE || account_queues(b) != account_queues(a))
                        continue;
                int r = ledger_move(a->node->ledger, a->row.id, b->row.id, row, keep);

                if (r > 0)
                        b->sending = 0; /* they may be older than what it has sent */
                moved += r > 0 ? r : 0;
        }
        return moved > 0;
}

/* Nothing is left of it here, nor of its further hubs; the objects go in the next turn. What could go by another link
 * does; the rest was refused. */
static int forget(struct account *a)
{
        int r = 0;

        if (a->main) {
                (void) go_another_way(a, 0, false);
                r = ledger_refuse_all(a->node->ledger, a->row.id, GONE_HUB);
        }
        if (r >= 0)
                r = ledger_remove_account(a->node->ledger, a->row.id);
        if (r >= 0)
                r = ledger_commit(a->node->ledger);
        if (r < 0)
                return r;
        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (account_queues(b) == a || b == a) {
                        b->removed = true;
                        account_wake(b);
                }
        }
        account_wake(account_queues(a));
        return 0;
}

static void answer_delete(struct account *a, sd_bus_message *call)
{
        if (forget(a) < 0)
                (void) sd_bus_reply_method_errorf(call, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        else
                (void) sd_bus_reply_method_return(call, "");
}

/* The hub, which has proved its key, does not know the account (any more): an answer may have been lost. */
static bool is_gone_there(const struct waiting *w, const struct link_error *e)
{
        return w->type == FRAME_DELETE_ACCOUNT && e->failure == LINK_REFUSED &&
               (e->code == WIRE_ERROR_NOT_AUTHENTICATED || e->code == WIRE_ERROR_DELETED);
}

static void fail_waiting(struct account *a, const struct link_error *e)
{
        while (a->waiting) {
                struct waiting *w = a->waiting;

                if (is_gone_there(w, e))
                        answer_delete(a, w->call);
                else
                        (void) sd_bus_reply_method_errorf(w->call, bus_error_of(e), "%s", e->sentence);
                waiting_free(w);
        }
}

/* Who still waits for an account that is gone is told: another one's Delete has come first. */
static void answer_removed(struct account *a)
{
        for (struct waiting *w = a->waiting; w; w = w->next) {
                if (w->type == FRAME_DELETE_ACCOUNT)
                        (void) sd_bus_reply_method_return(w->call, "");
                else
                        (void) sd_bus_reply_method_errorf(w->call, ERROR_NOT_FOUND,
                                                          "The account was deleted meanwhile.");
        }
}

static void answer_claim(struct waiting *w, struct bytes answer)
{
        _cleanup_close_ int fd = -1;
        struct bytes package;
        bool last_resort;
        int r = read_claim_answer(answer, &last_resort, &package);

        if (r >= 0)
                r = memfd_make(package, &fd);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(w->call, ERROR_HUB,
                                                  "The hub's key package cannot be handed over: %s.", strerror(-r));
        else
                (void) sd_bus_reply_method_return(w->call, "h", fd);
}

static void answer_state(struct waiting *w, struct bytes answer)
{
        _cleanup_close_ int fd = -1;
        struct room_state state;
        int r = read_room_state(answer, &state);

        if (r >= 0)
                r = memfd_make(answer, &fd);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(
                        w->call, ERROR_HUB, "The hub's state of the room cannot be handed over: %s.", strerror(-r));
        else
                (void) sd_bus_reply_method_return(w->call, "h", fd);
}

static int append_rooms(sd_bus_message *m, struct bytes rooms)
{
        char text[WIRE_NAME_MAX + 1];
        struct bytes name;
        struct reader r;
        uint32_t members;
        int e = sd_bus_message_open_container(m, 'a', "(su)");

        reader_init(&r, rooms);
        while (e >= 0 && room_next(&r, &name, &members)) {
                memcpy(text, name.data, name.size);
                text[name.size] = '\0';
                e = sd_bus_message_append(m, "(su)", text, members);
        }
        return e < 0 ? e : sd_bus_message_close_container(m);
}

static void answer_rooms(struct waiting *w, struct bytes answer)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct bytes rooms;
        int r = read_rooms(answer, &rooms);

        if (r >= 0)
                r = sd_bus_message_new_method_return(w->call, &m);
        if (r >= 0)
                r = append_rooms(m, rooms);
        if (r >= 0)
                r = sd_bus_send(NULL, m, NULL);
        if (r < 0)
                (void) sd_bus_reply_method_errorf(w->call, ERROR_HUB, "The hub's rooms cannot be listed: %s.",
                                                  strerror(-r));
}

static void on_waiting_answered(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct waiting *w = userdata;

        if (error)
                (void) sd_bus_reply_method_errorf(w->call, bus_error_of(error), "%s", error->sentence);
        else if (w->type == FRAME_CLAIM_KEY_PACKAGE)
                answer_claim(w, answer);
        else if (w->type == FRAME_FETCH_ROOM)
                answer_state(w, answer);
        else if (w->type == FRAME_LIST_ROOMS)
                answer_rooms(w, answer);
        else if (w->type == FRAME_DELETE_ACCOUNT)
                answer_delete(w->account, w->call);
        else
                (void) sd_bus_reply_method_return(w->call, "");
        waiting_free(w);
}

static void ask_hub(struct account *a)
{
        for (struct waiting *w = a->waiting, *next; w; w = next) {
                next = w->next;
                if (w->sent)
                        continue;
                if (link_request(a->link, w->type, writer_bytes(&w->body), on_waiting_answered, w) < 0)
                        return;
                w->sent = true;
        }
}

int account_ask(struct account *a, sd_bus_message *call, enum frame_type type, struct writer *body)
{
        struct waiting *w, **last = &a->waiting;

        if (!a->row.enabled)
                return sd_bus_reply_method_errorf(call, ERROR_HUB, "%s", SWITCHED_OFF);
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->account = a;
        w->call = sd_bus_message_ref(call);
        w->type = type;
        w->body = *body;
        *body = WRITER_INIT;
        while (*last)
                last = &(*last)->next;
        *last = w;
        if (a->state == ACCOUNT_OFFLINE)
                account_start(a);
        account_wake(a);
        return 0;
}

static void on_concluded(void *userdata, int error)
{
        struct account *a = userdata;

        if (error < 0)
                account_break_link(a, ledger_describe(a->node->ledger));
}

/* If it cannot be written, it is sent again on the next link, and the hub says the same again. */
static void conclude(struct account *a, int64_t row, const char *result, uint64_t winner, const char *reason)
{
        if (ledger_conclude(a->node->ledger, account_queues(a)->row.id, row, result, winner, reason) < 0 ||
            ledger_then(a->node->ledger, on_concluded, a) < 0)
                account_break_link(a, ledger_describe(a->node->ledger));
}

/* A room's answer names those who have gone; the others are empty. As many as an outcome holds are handed on. */
static void conclude_stored(struct account *a, int64_t row, struct bytes answer)
{
        char departed[WIRE_SENTENCE_MAX + 1] = "";
        struct bytes names = BYTES(NULL, 0), name;
        struct reader r;
        size_t used = 0;

        (void) read_room_departed(answer, &names);
        reader_init(&r, names);
        while (recipient_next(&r, &name) && used + name.size + 1 < sizeof(departed)) {
                if (used > 0)
                        departed[used++] = ' ';
                memcpy(departed + used, name.data, name.size);
                used += name.size;
        }
        conclude(a, row, "stored", 0, departed);
}

/* A hub that has not been reached for so long is gone round. */
static void lose_patience(struct account *a)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), patience = a->node->settings.patience_usec;

        if (a->state != ACCOUNT_ONLINE && a->outbox > 0 && now - a->down_since >= patience &&
            go_another_way(a, 0, true))
                log_notice("The hub %s has not been reached for a while; what waits for it goes by another one where "
                           "that is possible.",
                           a->row.address.host);
}

static void on_sent(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct under_way *u = userdata;
        struct account *a = u->account;
        int64_t row = u->row;

        u->row = 0;
        if (!error)
                conclude_stored(a, row, answer);
        else if (error->failure != LINK_REFUSED)
                return; /* the link goes down: it is sent again on the next one */
        else if (error->code == WIRE_ERROR_STALE)
                conclude(a, row, "stale", error->value, error->sentence);
        else if (error->code == WIRE_ERROR_OUTSIDE)
                conclude(a, row, "outside", 0, error->sentence);
        else if (error->code == WIRE_ERROR_STORAGE || error->code == WIRE_ERROR_TOO_FAST ||
                 error->code == WIRE_ERROR_BUSY)
                account_break_link(a, error->sentence); /* all of it again later, so that the order stays */
        else if (!go_another_way(a, row, false))
                conclude(a, row, "refused", 0, error->sentence);
        account_wake(a);
        account_wake(account_queues(a));
}

static bool is_under_way(const struct account *a, int64_t row)
{
        for (unsigned i = 0; i < ACCOUNT_UNDER_WAY; i++) {
                if (a->under_way[i].row == row)
                        return true;
        }
        return false;
}

static struct under_way *free_place(struct account *a)
{
        for (unsigned i = 0; i < ACCOUNT_UNDER_WAY; i++) {
                if (a->under_way[i].row == 0)
                        return &a->under_way[i];
        }
        return NULL;
}

static void send_envelope(void *userdata, const struct ledger_envelope *e)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct under_way *u = userdata;
        struct account *a = u->account;

        if (is_under_way(a, e->row)) {
                a->sending = e->row;
                return;
        }
        if (e->is_for_room)
                write_fixed(&body, e->send.payload);
        else
                write_send(&body, &e->send);
        if (writer_finish(&body) < 0 || link_request(a->link, e->is_for_room ? FRAME_SEND_TO_ROOM : FRAME_SEND,
                                                     writer_bytes(&body), on_sent, u) < 0)
                return;
        u->row = e->row;
        a->sending = e->row;
}

static void send_outbox(struct account *a)
{
        struct under_way *u;

        while (link_room(a->link) > 0 && (u = free_place(a))) {
                int64_t before = a->sending;

                u->account = a;
                if (ledger_next_envelope(a->node->ledger, a->row.id, before, send_envelope, u) <= 0 ||
                    a->sending == before)
                        return;
        }
}

static void on_acknowledged(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct account *a = userdata;

        a->acknowledging = false;
        if (error && error->failure == LINK_REFUSED)
                account_break_link(a, error->sentence);
        account_wake(a);
}

static bool is_full(const struct account *a)
{
        const struct node_settings *s = &a->node->settings;

        return a->inbox >= s->inbox_max || a->held >= s->inbox_bytes;
}

/* There is more in it than a hub pushes that keeps to the window; of bytes, none are for the window. */
static bool is_overfull(const struct account *a)
{
        const struct node_settings *s = &a->node->settings;

        return a->inbox + a->uncounted >= s->inbox_max + s->window || a->held + a->uncounted_bytes >= s->inbox_bytes;
}

static void on_fetched(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct account *a = userdata;

        a->deaf = a->deaf && error;
        on_acknowledged(a, error, answer);
}

/* What comes is taken from the hub's answer on, unless the inbox is full: a hub that pushes more than it may, or a link
 * that comes again and again, does not fill the disk. */
static void fetch(struct account *a)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (!a->deaf || a->acknowledging || is_full(a))
                return;
        write_fetch(&body, &(struct fetch){ a->row.received, a->node->settings.window });
        a->acknowledging = link_request(a->link, FRAME_FETCH, writer_bytes(&body), on_fetched, a) >= 0;
}

/* A full inbox is not acknowledged, so that the hub keeps what comes next. */
static void acknowledge(struct account *a)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (a->acknowledging || a->row.received <= a->acknowledged || is_full(a))
                return;
        write_ack(&body, a->row.received);
        if (link_request(a->link, FRAME_ACK, writer_bytes(&body), on_acknowledged, a) < 0)
                return;
        a->acknowledging = true;
        a->acknowledged = a->row.received;
}

static void count_queues(struct account *a)
{
        uint32_t outbox = a->outbox, inbox = a->inbox;

        (void) ledger_count(a->node->ledger, a->row.id, account_queues(a)->row.id, &a->outbox, &a->inbox, &a->held);
        a->uncounted = 0;
        a->uncounted_bytes = 0;
        if (outbox != a->outbox || inbox != a->inbox)
                link_object_changed(a);
}

void account_run(struct account *a)
{
        if (ledger_busy(a->node->ledger) || a->removed)
                return; /* called again when it is committed */
        a->durable = a->row;
        count_queues(a);
        lose_patience(a);
        if (a->state == ACCOUNT_ONLINE && !a->adding) {
                fetch(a);
                ask_hub(a);
                acknowledge(a);
                if (account_is_certain(a))
                        send_outbox(a);
                transfers_run(a);
        }
        cryptod_deliver(a);
}

static int on_work(sd_event_source *source, void *userdata)
{
        struct account *a = userdata;

        if (a->removed) {
                /* What still waits for the ledger's commit is called now, while it is there. */
                (void) ledger_commit(a->node->ledger);
                transfers_forget(a);
                account_free(a);
                return 0;
        }
        account_run(a);
        return 0;
}

/* Nothing is kept of an account that the hub did not take, but for its key if the hub may have taken it without our
 * hearing of it: the next attempt goes on with that. */
static void give_up_adding(struct account *a, const struct link_error *e)
{
        (void) sd_bus_reply_method_errorf(a->adding, bus_error_of(e), "%s", e->sentence);
        a->adding = sd_bus_message_unref(a->adding);
        if (e->failure != LINK_REFUSED && link_may_have_registered(a->link))
                return;
        if (forget(a) < 0)
                log_warning("Account %s could not be removed from relayd's database: %s", a->row.account,
                            ledger_describe(a->node->ledger));
        a->removed = true;
        account_wake(a);
}

static void on_down(struct link *l, void *userdata, const struct link_error *e)
{
        struct account *a = userdata;

        (void) snprintf(a->last_error, sizeof(a->last_error), "%s", e->sentence);
        account_traffic(a, &a->received, &a->sent);
        log_notice("The link of account %s to %s is down: %s", a->row.account, a->row.address.host, e->sentence);
        fail_waiting(a, e);
        if (a->adding)
                give_up_adding(a, e);
        a->link = link_free(a->link);
        a->acknowledging = false;
        a->withdrawing = 0;
        set_state(a, a->row.enabled ? ACCOUNT_OFFLINE : ACCOUNT_DISABLED);
        if (e->code == WIRE_ERROR_REPLACED)
                a->failures = REPLACED_FAILURES;
        if (a->row.registered && a->row.enabled)
                schedule_retry(a);
}

static void on_up_settled(void *userdata, int error)
{
        struct account *a = userdata;

        if (error < 0) {
                a->row = a->durable;
                account_break_link(a, ledger_describe(a->node->ledger));
        }
        if (!a->adding)
                return;
        if (error < 0) {
                (void) sd_bus_reply_method_errorf(a->adding, ERROR_STORAGE, "%s", ledger_describe(a->node->ledger));
        } else {
                (void) sd_bus_reply_method_return(a->adding, "");
        }
        a->adding = sd_bus_message_unref(a->adding);
}

static int write_row(struct account *a, const struct ledger_account *before)
{
        int r = ledger_update_account(a->node->ledger, &a->row);

        if (r >= 0)
                r = ledger_commit(a->node->ledger);
        if (r < 0)
                a->row = *before;
        return r;
}

/* Ids begin with how many envelopes there were. What a hub says of more than anybody makes is no id of ours, or a lie,
 * which would use our numbers up. */
static bool is_number(const uint8_t id[static WIRE_MESSAGE_ID_SIZE])
{
        return id[0] == 0 && id[1] == 0 && id[2] == 0 && id[3] == 0 && id[4] < 0x80;
}

/* The hub has seen more of this account than the ledger knows of: then the ledger was put back from an older copy, and
 * perhaps the vault with it; or the account was away for so long that the hub has dropped what came. 0, or an error. */
static int look_back(struct account *a, const struct authentication_answer *mailbox, bool same)
{
        struct account *q = account_queues(a);
        bool missed = same && mailbox->gone > a->row.received;
        int more = is_number(mailbox->sent) ? ledger_note_sent(a->node->ledger, q->row.id, mailbox->sent) : 0;

        if (missed && more >= 0) {
                int r = ledger_note_missed(a->node->ledger, q->row.id, mailbox->gone - a->row.received);

                more = r < 0 ? r : more;
                a->row.received = mailbox->gone;
        }
        if (more < 0 || (more == 0 && !missed))
                return more;
        q->row.doubt = true;
        log_warning(
                "The hub %s has %s account %s than relayd knows of: relayd's state was put back from an older copy, "
                "or the account was offline for too long.",
                a->row.address.host, more ? "had more of" : "given more to", q->row.account);
        cryptod_detach(q);
        return ledger_update_account(a->node->ledger, &q->row);
}

bool account_is_certain(struct account *a)
{
        const struct account *q = account_queues(a);

        return !q->row.doubt && !q->durable.doubt;
}

int account_reckon(struct account *a, bool old)
{
        struct ledger_account before = a->row;
        int r = 0;

        if (!a->row.doubt)
                return 0;
        for (struct account *b = a->node->accounts; old && r >= 0 && b; b = b->next) {
                if (account_queues(b) == a)
                        r = ledger_refuse_all(a->node->ledger, b->row.id, "It was made by an older copy of the vault.");
        }
        if (old && r >= 0)
                r = ledger_count_anew(a->node->ledger, a->row.id);
        a->row.doubt = false;
        if (r >= 0)
                r = write_row(a, &before);
        for (struct account *b = a->node->accounts; r >= 0 && b; b = b->next) {
                if (account_queues(b) == a)
                        account_wake(b);
        }
        return r;
}

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        struct account *a = userdata;

        if (!a->row.address.has_key) {
                char text[ADDRESS_TEXT_MAX];

                memcpy(a->row.address.key, up->hub_key, sizeof(a->row.address.key));
                a->row.address.has_key = true;
                a->row.first_use = true;
                address_format(&a->row.address, true, text);
                log_warning("The address of account %s had no key of its hub, so the key that was seen is trusted from "
                            "now on: %s. Compare it with the hub's owner.",
                            a->row.account, text);
        }
        bool same = memcmp(a->row.generation, up->mailbox.generation, sizeof(a->row.generation)) == 0;
        if (!same) {
                memcpy(a->row.generation, up->mailbox.generation, sizeof(a->row.generation));
                a->row.received = 0;
        }
        a->row.registered = true;
        a->invitation = secret_free(a->invitation);
        a->failures = 0;
        a->sending = 0;
        a->acknowledging = false;
        a->deaf = true;
        a->acknowledged = 0;
        a->last_error[0] = '\0';
        if (look_back(a, &up->mailbox, same) < 0 || ledger_update_account(a->node->ledger, &a->row) < 0 ||
            ledger_then(a->node->ledger, on_up_settled, a) < 0) {
                a->row = a->durable;
                account_break_link(a, ledger_describe(a->node->ledger));
                return;
        }
        set_state(a, ACCOUNT_ONLINE);
        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (account_queues(b) == account_queues(a))
                        account_wake(b);
        }
        log_info("Account %s is online at %s.", a->row.account, a->row.address.host);
}

/* The number that cryptod knows an envelope by. It grows with the clock, so that a disk that was restored from a copy
 * does not give out a number for the second time. */
static uint64_t next_sequence(struct account *a)
{
        uint64_t now = clock_usec(CLOCK_REALTIME);

        return now > a->row.sequence ? now : a->row.sequence + 1;
}

static void on_received_settled(void *userdata, int error)
{
        struct account *a = userdata;

        if (error >= 0)
                return;
        account_queues(a)->row.sequence = account_queues(a)->durable.sequence;
        a->row = a->durable;
        account_break_link(a, ledger_describe(a->node->ledger));
}

static void on_entry(struct link *l, void *userdata, const struct entry *e)
{
        struct account *a = userdata, *queues = account_queues(a);
        uint64_t received = a->row.received, sequence = queues->row.sequence;

        a->deaf = a->deaf || is_overfull(a);
        if (a->removed || a->deaf || e->sequence <= received)
                return; /* it concerns nobody, comes again, or is here already */
        a->uncounted++;
        a->uncounted_bytes += e->payload.size;
        a->row.received = e->sequence;
        queues->row.sequence = next_sequence(queues);
        if (ledger_receive(a->node->ledger, queues->row.id, queues->row.sequence, e->payload) < 0 ||
            ledger_update_account(a->node->ledger, &a->row) < 0 ||
            (queues != a && ledger_update_account(a->node->ledger, &queues->row) < 0) ||
            ledger_then(a->node->ledger, on_received_settled, a) < 0) {
                a->row.received = received;
                queues->row.sequence = sequence;
                account_break_link(a, ledger_describe(a->node->ledger));
        }
}

static void on_key_packages_low(struct link *l, void *userdata, uint32_t left)
{
        struct account *a = userdata;

        a->key_packages_low = true;
        a->key_packages = left;
        account_wake(account_queues(a));
}

static void on_bulk_room(struct link *l, void *userdata)
{
        account_wake(userdata);
}

static const struct link_handlers link_handlers = { on_up, on_down, on_entry, on_key_packages_low, on_bulk_room };

void account_start(struct account *a)
{
        struct socks_proxy proxy;
        struct link_parameters p = {
                .address = &a->row.address,
                .transport_key = a->transport_key,
                .registering = !a->row.registered,
                .token = a->invitation ? (const char *) a->invitation->data : NULL,
                .session = &a->session,
                .proxy = &proxy,
        };
        int r;

        if (a->state != ACCOUNT_OFFLINE || a->removed)
                return;
        (void) sd_event_source_set_enabled(a->retry, SD_EVENT_OFF);
        a->tried_at = clock_usec(CLOCK_BOOTTIME);
        r = socks_proxy_parse(a->row.proxy, a->row.account, &proxy);
        if (r >= 0)
                r = link_open(a->node->event, &p, &link_handlers, a, &a->link);
        if (r < 0) {
                (void) snprintf(a->last_error, sizeof(a->last_error), "The link could not be started: %s.",
                                strerror(-r));
                fail_waiting(a, &(struct link_error){ LINK_LOCAL, 0, 0, "", a->last_error });
                schedule_retry(a);
                return;
        }
        set_state(a, ACCOUNT_CONNECTING);
}

void account_hurry(struct account *a)
{
        if (a->state == ACCOUNT_OFFLINE && a->row.registered && clock_usec(CLOCK_BOOTTIME) > a->tried_at + HURRY_USEC)
                account_start(a);
}

void account_network_changed(struct account *a)
{
        a->failures = 0;
        if (a->state == ACCOUNT_ONLINE)
                link_probe(a->link);
        else if (a->row.registered)
                account_start(a); /* one that is under way has its own time-out */
}

void account_traffic(const struct account *a, uint64_t *received, uint64_t *sent)
{
        uint64_t in = 0, out = 0;

        if (a->link)
                link_traffic(a->link, &in, &out);
        *received = a->received + in;
        *sent = a->sent + out;
}

static int set_proxy(struct account *a, const char *proxy)
{
        struct ledger_account before = a->row;
        struct socks_proxy parsed;
        int r = strlen(proxy) < sizeof(a->row.proxy) ? socks_proxy_parse(proxy, a->row.account, &parsed) : -EINVAL;

        if (r < 0 || strcmp(proxy, a->row.proxy) == 0)
                return r;
        (void) snprintf(a->row.proxy, sizeof(a->row.proxy), "%s", proxy);
        r = write_row(a, &before);
        if (r < 0)
                return r;
        /* What was got on one way is not shown on the other. */
        SSL_SESSION_free(TAKE(a->session));
        a->failures = 0;
        if (a->link)
                account_break_link(a, "The way to the hub has been changed.");
        else if (a->row.registered)
                account_start(a);
        return 0;
}

int account_set_proxy(struct account *a, const char *proxy)
{
        int r = set_proxy(a, proxy);

        for (struct account *b = a->node->accounts; r >= 0 && b; b = b->next) {
                if (b->main == a && !b->removed) {
                        r = set_proxy(b, proxy);
                        link_object_changed(b);
                }
        }
        return r;
}

int account_set_bandwidth(struct account *a, uint64_t bandwidth)
{
        struct ledger_account before = a->row;

        a->row.bandwidth = bandwidth;
        account_wake(a);
        return write_row(a, &before);
}

static int enable(struct account *a, bool enabled)
{
        struct ledger_account before = a->row;
        int r;

        if (a->row.enabled == enabled)
                return 0;
        a->row.enabled = enabled;
        r = write_row(a, &before);
        if (r < 0)
                return r;
        if (!enabled && a->link) {
                account_break_link(a, SWITCHED_OFF);
        } else if (!enabled) {
                (void) sd_event_source_set_enabled(a->retry, SD_EVENT_OFF);
                set_state(a, ACCOUNT_DISABLED);
        } else if (a->state == ACCOUNT_DISABLED) {
                set_state(a, ACCOUNT_OFFLINE);
                account_start(a);
        }
        return 0;
}

int account_enable(struct account *a, bool enabled)
{
        int r = enable(a, enabled);

        for (struct account *b = a->node->accounts; r >= 0 && b; b = b->next) {
                if (b->main == a && !b->removed) {
                        r = enable(b, enabled);
                        link_object_changed(b);
                }
        }
        return r;
}

int account_delete(struct account *a, sd_bus_message *call, bool local_only)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (local_only) {
                answer_delete(a, call);
                return 1;
        }
        write_delete_account(&body, BYTES_STRING(a->row.address.name));
        int r = writer_finish(&body);

        if (r >= 0)
                r = account_ask(a, call, FRAME_DELETE_ACCOUNT, &body);
        return r < 0 ? r : 1;
}

int account_new(struct node *n, const struct ledger_account *row, struct secret *transport_key, struct account **out)
{
        struct account *a = calloc(1, sizeof(*a)), **last = &n->accounts;
        int r;

        if (!a) {
                secret_free(transport_key);
                return -ENOMEM;
        }
        a->node = n;
        a->row = a->durable = *row;
        a->transport_key = transport_key;
        a->state = row->enabled ? ACCOUNT_OFFLINE : ACCOUNT_DISABLED;
        a->since = clock_usec(CLOCK_REALTIME);
        for (struct account *b = n->accounts; b && row->main != 0; b = b->next) {
                if (b->row.id == row->main)
                        a->main = b;
        }
        start_patience(a);
        while (*last)
                last = &(*last)->next;
        *last = a;
        r = sd_event_add_defer(n->event, &a->work, on_work, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->work, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(n->event, &a->retry, CLOCK_BOOTTIME, 0, 0, on_retry, a);
        if (r >= 0)
                r = sd_event_source_set_enabled(a->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = link_object_export(a);
        if (r < 0) {
                account_free(a);
                return r;
        }
        account_wake(a);
        *out = a;
        return 0;
}

struct account *account_link_to(struct account *a, const struct address *address)
{
        for (struct account *b = a->node->accounts; b; b = b->next) {
                const struct address *hub = &b->row.address;

                if (!b->removed && b->row.registered && account_queues(b) == account_queues(a) &&
                    strcmp(hub->host, address->host) == 0 && hub->port == address->port &&
                    (!hub->has_key || !address->has_key || memcmp(hub->key, address->key, sizeof(hub->key)) == 0))
                        return b;
        }
        return NULL;
}

struct account *account_free(struct account *a)
{
        for (struct account **p = &a->node->accounts; *p; p = &(*p)->next) {
                if (*p == a) {
                        *p = a->next;
                        break;
                }
        }
        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (b->main == a)
                        b->main = NULL;
        }
        (void) account_attach(a, NULL);
        if (a->removed)
                answer_removed(a);
        while (a->waiting)
                waiting_free(a->waiting);
        link_free(a->link);
        transfers_release(a);
        SSL_SESSION_free(a->session);
        sd_bus_message_unref(a->adding);
        sd_bus_slot_unref(a->low_call);
        sd_bus_slot_unref(a->object);
        sd_bus_track_unref(a->watchers);
        sd_event_source_disable_unref(a->work);
        sd_event_source_disable_unref(a->retry);
        sd_event_source_disable_unref(a->patience);
        sd_event_source_disable_unref(a->deliver_again);
        sd_event_source_disable_unref(a->report);
        secret_free(a->transport_key);
        secret_free(a->invitation);
        free(a);
        return NULL;
}
