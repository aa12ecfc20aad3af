/* What an account asks of relayd (account.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/entering.h"
#include "cryptod/opening.h"
#include "cryptod/rejoining.h"
#include "cryptod/transfer.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"

enum {
        CALL_USEC = 30 * 1000 * 1000,
        ATTACH_USEC = 10 * 1000 * 1000,
        SENDS_AT_ONCE = 16,
        AGAIN_USEC = 1000 * 1000, /* after a call that failed */
};

#define RELAY_NAME "im.visavis.Relay1"

int relay_call(struct cryptod *c, const char *member, const char *account, sd_bus_message **out)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(c->bus, &m, RELAY_NAME, "/im/visavis/Relay1",
                                               "im.visavis.Relay1.Delivery", member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", account);
        if (r >= 0)
                *out = TAKE(m);
        return r;
}

int relay_call_hub(struct account *a, const char *member, unsigned hub, sd_bus_message **out)
{
        char id[ACCOUNT_ID_SIZE + 16];

        if (hub == 0)
                return relay_call(a->cryptod, member, account_id(a), out);
        (void) snprintf(id, sizeof(id), "%s_%u", account_id(a), hub);
        return relay_call(a->cryptod, member, id, out);
}

struct account *relay_account(struct cryptod *c, const char *id, unsigned *hub)
{
        char account[ACCOUNT_ID_SIZE + 1];
        size_t size = strcspn(id, "_");

        if (size >= sizeof(account))
                return NULL;
        memcpy(account, id, size);
        account[size] = '\0';
        *hub = id[size] == '_' ? (unsigned) strtoul(id + size + 1, NULL, 10) : 0;
        return cryptod_account(c, account);
}

int relay_refused(const sd_bus_error *answer, sd_bus_error *error)
{
        if (strncmp(answer->name, VISAVIS_ERROR, strlen(VISAVIS_ERROR)) == 0)
                return sd_bus_error_copy(error, answer);
        return sd_bus_error_setf(error, ERROR_BUSY, "relayd cannot be reached (%s); try again in a moment.",
                                 answer->message ? answer->message : answer->name);
}

/* -- attach ------------------------------------------------------------------------------------------------------- */

static int on_attach_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;

        a->attach = sd_event_source_disable_unref(a->attach);
        relay_attach(a);
        return 0;
}

static void attach_again(struct account *a, const char *why)
{
        if (!a->messenger || a->attach)
                return;
        log_warning("relayd does not deliver for account %s (%s); it is asked again.", account_id(a), why);
        (void) sd_event_add_time_relative(a->cryptod->event, &a->attach, CLOCK_BOOTTIME, AGAIN_USEC, 0, on_attach_again,
                                          a);
}

/* relayd holds everything until it knows. If this is lost, it says so at the next Attach. */
static void reckon(struct account *a, bool old)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = relay_call(a->cryptod, "Reckon", account_id(a), &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) old);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, 0);
        if (r >= 0)
                r = sd_bus_send(a->cryptod->bus, m, NULL);
        if (r < 0)
                attach_again(a, strerror(-r));
}

static int on_attached(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        struct account *a = userdata;
        struct witness w = { 0 };
        const void *sent;
        int r = 0;

        if (e) {
                attach_again(a, e->message ? e->message : e->name);
        } else if (a->messenger && sd_bus_message_read(reply, "ttt", &w.queued, &w.delivered, &w.arrived) > 0 &&
                   sd_bus_message_read_array(reply, 'y', &sent, &w.sent.size) >= 0) {
                w.sent.data = sent;
                r = account_witness(a, &w);

                if (w.sent.size > 0 && r >= 0)
                        reckon(a, r > 0);
        }
        entering_next(a);
        if (r == 0) /* else when its key packages are there */
                rejoining_next(a);
        if (a->messenger) {
                opening_attached(a);
                transfers_look(a); /* what changes from now on is told */
        }
        return 0;
}

void relay_attach(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!a->messenger || a->attach)
                return;
        r = relay_call(a->cryptod, "Attach", account_id(a), &m);
        if (r >= 0)
                r = sd_bus_call_async(a->cryptod->bus, NULL, m, on_attached, a, ATTACH_USEC);
        if (r < 0) {
                attach_again(a, strerror(-r));
                opening_attached(a);
        }
}

void relay_detach(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (relay_call(a->cryptod, "Detach", account_id(a), &m) >= 0 && sd_bus_message_set_expect_reply(m, 0) >= 0 &&
            sd_bus_message_set_auto_start(m, 0) >= 0)
                (void) sd_bus_send(a->cryptod->bus, m, NULL);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct cryptod *c = userdata;

        /* A relayd that went away is started again by the call; one that is new has not been asked yet. */
        for (struct account *a = c->accounts; a; a = a->next) {
                a->given = 0;
                relay_attach(a);
                relay_flush(a);
                transfers_look(a);
        }
        return 0;
}

int relay_watch(struct cryptod *c)
{
        return sd_bus_add_match_async(c->bus, NULL,
                                      "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" RELAY_NAME
                                      "'",
                                      on_owner_changed, NULL, c);
}

/* -- the outbox --------------------------------------------------------------------------------------------------- */

static void flush_after(struct account *a, uint64_t usec);

/* An envelope that relayd has not taken yet. */
struct handing {
        struct account *account;
        uint8_t id[ENVELOPE_ID_SIZE];
};

/* What relayd will never take, since it is for a hub that the account has left, was refused; the rest comes again. */
static bool is_refused(const struct handing *h, const sd_bus_error *e)
{
        return sd_bus_error_has_name(e, ERROR_INVALID_ARGUMENT) &&
               messenger_outcome(h->account->messenger, BYTES_OF(h->id), OUTCOME_REFUSED) >= 0;
}

static int on_sent(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        struct handing *h = userdata;
        struct account *a = h->account;

        a->sends--;
        if (!e || (a->messenger && is_refused(h, e))) {
                relay_flush(a);
                return 0;
        }
        if (!a->messenger)
                return 0;
        log_warning("relayd did not take an envelope of account %s (%s); it is handed over again.", account_id(a),
                    e->message ? e->message : e->name);
        a->given = 0; /* relayd knows those that it has */
        flush_after(a, AGAIN_USEC);
        return 0;
}

static int hand_over(struct account *a, sd_bus_message *m, const struct envelope *e)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct handing *h = malloc(sizeof(*h));
        int r;

        if (!h)
                abort();
        h->account = a;
        memcpy(h->id, e->id, sizeof(h->id));
        r = sd_bus_call_async(a->cryptod->bus, &slot, m, on_sent, h, CALL_USEC);
        if (r < 0) {
                free(h);
                return r;
        }
        a->sends++;
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        return sd_bus_slot_set_floating(slot, 1);
}

static int send_to_room(struct account *a, const struct envelope *e)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_writer_ struct writer body = WRITER_INIT;
        _cleanup_close_ int fd = -1;
        int r;

        write_fixed(&body, BYTES_OF(e->id));
        write_fixed(&body, e->content);
        r = writer_finish(&body);
        if (r >= 0)
                r = memfd_make(writer_bytes(&body), &fd);
        if (r >= 0)
                r = relay_call(a->cryptod, "SendToRoom", account_id(a), &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "h", fd);
        return r < 0 ? r : hand_over(a, m, e);
}

static int send_envelope(struct account *a, const struct envelope *e)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int fd = -1;
        int r = memfd_make(e->content, &fd);

        if (r >= 0)
                r = relay_call(a->cryptod, "Send", account_id(a), &m);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', e->id, sizeof(e->id));
        if (r >= 0)
                r = account_object_append_list(m, e->recipients);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', e->group.data, e->group.size);
        if (r >= 0)
                r = sd_bus_message_append(m, "th", e->epoch, fd);
        return r < 0 ? r : hand_over(a, m, e);
}

static int on_flush(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;
        int r = 1;

        a->flush = sd_event_source_disable_unref(a->flush);
        while (a->messenger && a->sends < SENDS_AT_ONCE && r > 0) {
                _cleanup_(envelope_release) struct envelope e = { 0 };

                r = messenger_next_envelope(a->messenger, a->given, &e);
                if (r > 0 && (r = e.is_for_room ? send_to_room(a, &e) : send_envelope(a, &e)) >= 0) {
                        a->given = e.number;
                        r = 1;
                }
        }
        if (r < 0) {
                log_error("An envelope of account %s cannot be handed to relayd: %s.", account_id(a), strerror(-r));
                flush_after(a, AGAIN_USEC);
        }
        return 0;
}

static void flush_after(struct account *a, uint64_t usec)
{
        if (!a->flush)
                (void) sd_event_add_time_relative(a->cryptod->event, &a->flush, CLOCK_BOOTTIME, usec, 1, on_flush, a);
}

void relay_flush(struct account *a)
{
        if (a->messenger)
                flush_after(a, 0);
}

/* -- key packages ------------------------------------------------------------------------------------------------- */

struct publication {
        relay_done done;
        void *userdata;
};

static int on_published(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct publication *p = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (e) /* the hub asks again when it has few */
                log_warning("Key packages were not published: %s.", e->message ? e->message : e->name);
        if (p->done)
                p->done(p->userdata);
        return 0;
}

static int publish(struct account *a, unsigned hub, unsigned count, struct publication *p)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        _cleanup_close_ int fd = -1;
        int r = a->messenger ? messenger_key_packages(a->messenger, hub, count, (uint64_t) time(NULL), &packages)
                             : -EKEYREVOKED;

        if (r >= 0)
                r = memfd_make(writer_bytes(&packages), &fd);
        if (r >= 0)
                r = relay_call_hub(a, "PublishKeyPackages", hub, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "h", fd);
        if (r >= 0)
                r = sd_bus_call_async(a->cryptod->bus, &slot, m, on_published, p, CALL_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, free);
        if (r >= 0)
                r = sd_bus_slot_set_floating(slot, 1);
        return r;
}

void relay_publish(struct account *a, unsigned hub, unsigned count, relay_done done, void *userdata)
{
        struct publication *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                abort();
        *p = (struct publication){ done, userdata };
        r = publish(a, hub, count, p);
        if (r >= 0)
                return;
        log_warning("Key packages of account %s cannot be published: %s.", account_id(a), strerror(-r));
        free(p);
        if (done)
                done(userdata);
}
