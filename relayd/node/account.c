/* See account.h. */
#include "account_parts.h"

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
};

#define GONE_HUB "The hub by which it was to go is none of this account any more."

uint64_t account_clock(clockid_t clock)
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

        a->down_since = account_clock(CLOCK_BOOTTIME);
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
        a->since = account_clock(CLOCK_REALTIME);
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
        uint64_t nominal = (uint64_t) BACKOFF_FIRST_USEC << (a->failures < 12 ? a->failures : 12), noise;

        if (nominal > a->node->settings.backoff_usec)
                nominal = a->node->settings.backoff_usec;
        a->failures++;
        random_fill(&noise, sizeof(noise));
        (void) sd_event_source_set_time_relative(a->retry, nominal / 2 + noise % (nominal + 1));
        (void) sd_event_source_set_enabled(a->retry, SD_EVENT_ONESHOT);
}

int account_forget(struct account *a)
{
        int r = 0;

        if (a->main) {
                (void) account_go_another_way(a, 0, false);
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
        account_lose_patience(a);
        if (a->state == ACCOUNT_ONLINE && !a->adding) {
                account_fetch(a);
                account_ask_hub(a);
                account_acknowledge(a);
                if (account_is_certain(a))
                        account_send_outbox(a);
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
        (void) sd_bus_reply_method_errorf(a->adding, account_bus_error(e), "%s", e->sentence);
        a->adding = sd_bus_message_unref(a->adding);
        if (e->failure != LINK_REFUSED && link_may_have_registered(a->link))
                return;
        if (account_forget(a) < 0)
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
        account_fail_questions(a, e);
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

int account_write_row(struct account *a, const struct ledger_account *before)
{
        int r = ledger_update_account(a->node->ledger, &a->row);

        if (r >= 0)
                r = ledger_commit(a->node->ledger);
        if (r < 0)
                a->row = *before;
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
        if (account_look_back(a, &up->mailbox, same) < 0 || ledger_update_account(a->node->ledger, &a->row) < 0 ||
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

static const struct link_handlers link_handlers = { on_up, on_down, account_on_entry, on_key_packages_low,
                                                    on_bulk_room };

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
        a->tried_at = account_clock(CLOCK_BOOTTIME);
        r = socks_proxy_parse(a->row.proxy, a->row.account, &proxy);
        if (r >= 0)
                r = link_open(a->node->event, &p, &link_handlers, a, &a->link);
        if (r < 0) {
                (void) snprintf(a->last_error, sizeof(a->last_error), "The link could not be started: %s.",
                                strerror(-r));
                account_fail_questions(a, &(struct link_error){ LINK_LOCAL, 0, 0, "", a->last_error });
                schedule_retry(a);
                return;
        }
        set_state(a, ACCOUNT_CONNECTING);
}

void account_hurry(struct account *a)
{
        if (a->state == ACCOUNT_OFFLINE && a->row.registered &&
            account_clock(CLOCK_BOOTTIME) > a->tried_at + HURRY_USEC)
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
        r = account_write_row(a, &before);
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
        return account_write_row(a, &before);
}

static int enable(struct account *a, bool enabled)
{
        struct ledger_account before = a->row;
        int r;

        if (a->row.enabled == enabled)
                return 0;
        a->row.enabled = enabled;
        r = account_write_row(a, &before);
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
        a->since = account_clock(CLOCK_REALTIME);
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
                account_answer_removed(a);
        while (a->waiting)
                account_waiting_free(a->waiting);
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
