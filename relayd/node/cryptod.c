/* What relayd tells cryptod: im.visavis.Crypto1.Inbox of the one that is attached, one envelope and one outcome at a
 * time and in order. Whatever cryptod has not answered is told again to the next one that attaches. */
#include <errno.h>
#include <string.h>

#include "account.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

enum {
        ANSWER_USEC = 30 * 1000 * 1000,
        AGAIN_USEC = 1000 * 1000, /* after an error that is not about being locked */
};

static int on_gone(sd_bus_track *track, void *userdata)
{
        (void) account_attach(userdata, NULL);
        return 1; /* 0 would have it called again and again */
}

int account_attach(struct account *a, const char *name)
{
        _cleanup_(sd_bus_track_unrefp) sd_bus_track *track = NULL;
        _cleanup_free_ char *peer = NULL;
        int r;

        if (name) {
                r = sd_bus_track_new(a->node->bus, &track, on_gone, a);
                if (r >= 0)
                        r = sd_bus_track_add_name(track, name);
                if (r >= 0)
                        r = (peer = strdup(name)) ? 0 : -ENOMEM;
                if (r < 0)
                        return r;
        }
        a->deliver_call = sd_bus_slot_unref(a->deliver_call);
        a->outcome_call = sd_bus_slot_unref(a->outcome_call);
        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (account_queues(b) == a)
                        b->low_call = sd_bus_slot_unref(b->low_call);
        }
        a->deliver_again = sd_event_source_disable_unref(a->deliver_again);
        a->delivered = 0;
        a->reported = 0;
        free(a->peer);
        a->peer = TAKE(peer);
        sd_bus_track_unref(a->peer_track);
        a->peer_track = TAKE(track);
        if (a->peer)
                account_wake(a);
        return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;

        a->deliver_again = sd_event_source_disable_unref(a->deliver_again);
        account_wake(a);
        return 0;
}

/* True if the call went well. Else it is made again: at the next Attach if the account is locked, or after a while. */
static bool answered(struct account *a, sd_bus_message *reply)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (!e)
                return true;
        a->delivered = 0;
        a->reported = 0;
        if (sd_bus_error_has_name(e, ERROR_LOCKED)) {
                (void) account_attach(account_queues(a), NULL);
                return false;
        }
        log_warning("cryptod did not take something for account %s (%s: %s); it is offered again.", a->row.account,
                    e->name, e->message ? e->message : "");
        if (!a->deliver_again)
                (void) sd_event_add_time_relative(a->node->event, &a->deliver_again, CLOCK_BOOTTIME, AGAIN_USEC, 0,
                                                  on_again, a);
        return false;
}

static int on_delivered(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;

        a->deliver_call = sd_bus_slot_unref(a->deliver_call);
        if (answered(a, reply))
                (void) ledger_drop_received(a->node->ledger, a->row.id, a->delivered);
        cryptod_deliver(a); /* the next one need not wait for that to be on disk */
        return 0;
}

static int on_outcome(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;

        a->outcome_call = sd_bus_slot_unref(a->outcome_call);
        if (answered(a, reply))
                (void) ledger_drop_outcome(a->node->ledger, a->reported);
        cryptod_deliver(a);
        return 0;
}

static int on_low_told(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;

        a->low_call = sd_bus_slot_unref(a->low_call);
        if (!answered(a, reply))
                a->key_packages_low = true;
        account_wake(account_queues(a));
        return 0;
}

static int new_call(struct account *a, const char *member, sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(a->node->bus, &m, account_queues(a)->peer, "/im/visavis/Crypto1",
                                               "im.visavis.Crypto1.Inbox", member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", a->row.account);
        if (r < 0)
                return r;
        *out = TAKE(m);
        return 0;
}

static int deliver(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int fd = -1;
        uint64_t sequence;
        int r = ledger_next_received(a->node->ledger, a->row.id, a->delivered, &sequence, &fd);

        if (r <= 0 || sequence > a->durable.sequence)
                return r < 0 ? r : 0;
        r = new_call(a, "Deliver", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "th", sequence, fd);
        if (r >= 0)
                r = sd_bus_call_async(a->node->bus, &a->deliver_call, m, on_delivered, a, ANSWER_USEC);
        if (r >= 0)
                a->delivered = sequence;
        return r;
}

static int report(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct ledger_outcome o;
        int r = ledger_next_outcome(a->node->ledger, a->row.id, a->reported, &o);

        if (r <= 0)
                return r;
        r = new_call(a, "Outcome", &m);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', o.id, sizeof(o.id));
        if (r >= 0)
                r = sd_bus_message_append(m, "sts", o.result, o.winner, o.reason);
        if (r >= 0)
                r = sd_bus_call_async(a->node->bus, &a->outcome_call, m, on_outcome, a, ANSWER_USEC);
        if (r >= 0)
                a->reported = o.row;
        return r;
}

static int tell_low(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(a, "KeyPackagesLow", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "u", a->key_packages);
        if (r >= 0)
                r = sd_bus_call_async(a->node->bus, &a->low_call, m, on_low_told, a, ANSWER_USEC);
        if (r >= 0)
                a->key_packages_low = false;
        return r;
}

void cryptod_detach(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!a->peer)
                return;
        r = new_call(a, "Detached", &m);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        if (r >= 0)
                r = sd_bus_send(a->node->bus, m, NULL);
        if (r < 0)
                log_error("cryptod cannot be told that account %s is detached: %s.", a->row.account, strerror(-r));
        (void) account_attach(a, NULL);
}

void cryptod_deliver(struct account *a)
{
        int r = 0;

        if (!a->peer || a->deliver_again || !account_is_certain(a))
                return;
        if (!a->deliver_call)
                r = deliver(a);
        if (r >= 0 && !a->outcome_call)
                r = report(a);
        for (struct account *b = a->node->accounts; b && r >= 0; b = b->next) {
                if (account_queues(b) == a && !b->low_call && b->key_packages_low)
                        r = tell_low(b);
        }
        if (r < 0)
                log_error("Nothing can be handed to cryptod for account %s: %s.", a->row.account, strerror(-r));
}

void cryptod_transfer_changed(struct account *a, struct bytes id)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (a->peer && new_call(a, "TransferChanged", &m) >= 0 &&
            sd_bus_message_append_array(m, 'y', id.data, id.size) >= 0 && sd_bus_message_set_expect_reply(m, 0) >= 0)
                (void) sd_bus_send(a->node->bus, m, NULL);
}
