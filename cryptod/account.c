/* See account.h. */
#include "cryptod/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/key_packages.h"
#include "cryptod/destruction.h"
#include "cryptod/opening.h"
#include "cryptod/rejoining.h"
#include "cryptod/transfer.h"
#include "cryptod/upkeep.h"
#include "services/cleanup.h"
#include "services/log.h"

static void on_message_added(void *userdata, const struct conversation *c, uint64_t message)
{
        conversations_object_message_added(userdata, c, message);
        people_objects_changed(userdata, c);
        notifications_object_message_added(userdata, c, message);
}

static void on_message_changed(void *userdata, const struct conversation *c, uint64_t message, enum message_state state)
{
        conversations_object_message_changed(userdata, c, message, state);
}

static void on_envelopes_queued(void *userdata)
{
        relay_flush(userdata);
}

static void on_message_edited(void *userdata, const struct conversation *c, uint64_t message)
{
        history_object_changed(userdata, c, message);
        transfers_message_changed(userdata, c, message);
        messages_object_edited(userdata, c, message);
}

static void on_message_erased(void *userdata, const struct conversation *c, uint64_t message)
{
        history_object_changed(userdata, c, message);
        transfers_message_changed(userdata, c, message);
        messages_object_erased(userdata, c, message);
        people_objects_changed(userdata, c);
}

static void on_conversation_changed(void *userdata, const struct conversation *c)
{
        transfers_message_changed(userdata, c, 0); /* it may have been cleared */
        messages_object_conversation_changed(userdata, c);
        people_objects_changed(userdata, c);
}

static void on_typing(void *userdata, const struct conversation *c, const char *who, bool typing)
{
        messages_object_typing(userdata, c, who, typing);
}

static void on_receipts_owed(void *userdata)
{
        upkeep_receipts(userdata);
}

static void on_deadline_set(void *userdata)
{
        upkeep_deadlines(userdata);
}

int account_new(struct cryptod *c, struct vault *vault, struct account **out)
{
        struct account *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                abort();
        a->cryptod = c;
        a->vault = vault;
        (void) snprintf(a->id, sizeof(a->id), "%s", vault_account(vault)->id);
        a->events = (struct messenger_events){ .message_added = on_message_added,
                                               .message_changed = on_message_changed,
                                               .envelopes_queued = on_envelopes_queued,
                                               .message_edited = on_message_edited,
                                               .message_erased = on_message_erased,
                                               .receipts_owed = on_receipts_owed,
                                               .deadline_set = on_deadline_set,
                                               .conversation_changed = on_conversation_changed,
                                               .typing = on_typing,
                                               .userdata = a };
        r = account_object_export(a);
        if (r >= 0)
                r = conversations_object_export(a);
        if (r >= 0)
                r = slots_object_export(a);
        if (r >= 0)
                r = contacts_object_export(a);
        if (r >= 0)
                r = settings_object_export(a);
        if (r >= 0)
                r = groups_object_export(a);
        if (r >= 0)
                r = hubs_object_export(a);
        if (r >= 0)
                r = invitations_object_export(a);
        if (r >= 0)
                r = rooms_object_export(a);
        if (r >= 0)
                r = files_object_export(a);
        if (r >= 0)
                r = notifications_object_export(a);
        if (r >= 0)
                r = messages_object_export(a);
        if (r >= 0)
                r = transfers_object_export(a);
        if (r >= 0)
                r = history_object_export(a);
        if (r >= 0)
                r = people_objects_export(a);
        if (r < 0) {
                account_free(a);
                return r;
        }
        a->next = c->accounts;
        c->accounts = a;
        *out = a;
        return 0;
}

static void leave_bus(struct account *a)
{
        a->object = sd_bus_slot_unref(a->object);
        a->conversations_object = sd_bus_slot_unref(a->conversations_object);
        a->slots_object = sd_bus_slot_unref(a->slots_object);
        a->contacts_object = sd_bus_slot_unref(a->contacts_object);
        a->settings_object = sd_bus_slot_unref(a->settings_object);
        a->groups_object = sd_bus_slot_unref(a->groups_object);
        a->hubs_object = sd_bus_slot_unref(a->hubs_object);
        a->invitations_object = sd_bus_slot_unref(a->invitations_object);
        a->rooms_object = sd_bus_slot_unref(a->rooms_object);
        a->files_object = sd_bus_slot_unref(a->files_object);
        a->notifications_object = sd_bus_slot_unref(a->notifications_object);
        a->messages_object = sd_bus_slot_unref(a->messages_object);
        a->history_object = sd_bus_slot_unref(a->history_object);
        people_objects_leave(a);
        a->transfers_object = sd_bus_slot_unref(a->transfers_object);
        a->nodes = sd_bus_slot_unref(a->nodes);
        a->transfers_manager = sd_bus_slot_unref(a->transfers_manager);
        a->transfers_gate = sd_bus_slot_unref(a->transfers_gate);
        a->watchers = sd_bus_track_unref(a->watchers);
}

void account_end(struct account *a)
{
        for (struct account **p = &a->cryptod->accounts; *p; p = &(*p)->next) {
                if (*p == a) {
                        *p = a->next;
                        break;
                }
        }
        leave_bus(a);
        a->vault = vault_free(a->vault);
        a->next = a->cryptod->ended;
        a->cryptod->ended = a;
}

struct account *account_free(struct account *a)
{
        if (!a)
                return NULL;
        if (a->vault)
                account_lock(a);
        destruction_free(a);
        leave_bus(a);
        vault_free(a->vault);
        free(a);
        return NULL;
}

const char *account_id(const struct account *a)
{
        return a->id;
}

int account_open(struct account *a)
{
        struct timespec now;
        int r;

        if (a->messenger)
                return 0;
        r = messenger_open(a->vault, &a->events, &a->messenger);
        if (r >= 0)
                r = transfers_open(a);
        if (r < 0) {
                transfers_close(a);
                a->messenger = messenger_free(a->messenger);
                log_error("The conversations of account %s cannot be opened: %s. Is the state directory whole?",
                          account_id(a), strerror(-r));
                vault_lock(a->vault);
                return r;
        }
        (void) clock_gettime(CLOCK_REALTIME, &now);
        a->unlocked_since = (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
        a->given = 0;
        history_object_open(a);
        people_objects_open(a);
        vault_log(a->vault, LOG_INFO, "Account %s is unlocked.", account_id(a));
        account_object_changed(a);
        upkeep_start(a);
        relay_attach(a);
        relay_flush(a);
        return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;
        uint64_t limit = (uint64_t) vault_account(a->vault)->idle_lock * 1000000, until = a->last_call + limit, now;
        int r = sd_event_now(a->cryptod->event, CLOCK_BOOTTIME, &now);

        if (r >= 0 && limit > 0 && now < until) {
                r = sd_event_source_set_time(source, until);
                return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        log_info("Nobody has called account %s for %u s.", account_id(a), vault_account(a->vault)->idle_lock);
        account_lock(a);
        return 0;
}

static void on_published(void *userdata)
{
        rejoining_next(userdata);
}

int account_witness(struct account *a, const struct witness *w)
{
        struct vault_hub hubs[HUBS_MAX];
        int r = messenger_witness(a->messenger, w);

        if (r < 0) {
                log_error("It cannot be seen whether the vault of account %s is an older copy: %s. It is locked.",
                          account_id(a), strerror(-r));
                account_lock(a);
        }
        if (r > 0)
                log_warning("The vault of account %s was put back from an older copy, or has missed what came. Its "
                            "groups are erased, so that no key is used twice, and its conversations start anew.",
                            account_id(a));
        else if (r == 0 && messenger_was_mended(a->messenger))
                log_warning("Groups of account %s could not be read: its vault is damaged, or of parts of different "
                            "times. They are erased, and their conversations start anew.",
                            account_id(a));
        else
                return r;
        relay_publish(a, 0, KEY_PACKAGES_STOCK, on_published, a);
        for (int i = 0, n = vault_hubs(a->vault, hubs); i < n; i++)
                relay_publish(a, hubs[i].number, KEY_PACKAGES_STOCK, NULL, NULL);
        return r;
}

void account_touch(struct account *a)
{
        uint64_t limit = (uint64_t) vault_account(a->vault)->idle_lock * 1000000;

        if (limit == 0)
                a->idle = sd_event_source_disable_unref(a->idle);
        if (limit == 0 || !a->messenger || sd_event_now(a->cryptod->event, CLOCK_BOOTTIME, &a->last_call) < 0)
                return;
        if (!a->idle)
                (void) sd_event_add_time(a->cryptod->event, &a->idle, CLOCK_BOOTTIME, a->last_call + limit, 0, on_idle,
                                         a);
}

static int on_holders_gone(sd_bus_track *track, void *userdata)
{
        account_lock(userdata);
        return 1; /* 0 would have it called again and again */
}

int account_hold(struct account *a, const char *name)
{
        int r = a->holders ? 0 : sd_bus_track_new(a->cryptod->bus, &a->holders, on_holders_gone, a);

        account_touch(a);
        return r < 0 ? r : sd_bus_track_add_name(a->holders, name);
}

void account_lock(struct account *a)
{
        bool was_open = a->messenger != NULL;

        a->locks++;
        opening_refuse(a);
        files_object_end(a);
        transfers_close(a);
        history_object_close(a);
        a->messenger = messenger_free(a->messenger);
        vault_lock(a->vault);
        writer_release(&a->offered);
        a->holders = sd_bus_track_unref(a->holders);
        a->flush = sd_event_source_disable_unref(a->flush);
        a->attach = sd_event_source_disable_unref(a->attach);
        a->idle = sd_event_source_disable_unref(a->idle);
        upkeep_stop(a);
        a->enter_again = sd_event_source_disable_unref(a->enter_again);
        a->rejoin_again = sd_event_source_disable_unref(a->rejoin_again);
        a->attached = false;
        if (!was_open)
                return;
        a->unlocked_since = 0;
        vault_log(a->vault, LOG_INFO, "Account %s is locked.", account_id(a));
        relay_detach(a);
        account_object_changed(a);
}

void account_lock_unless_held(struct account *a)
{
        if (!a->holders || sd_bus_track_count(a->holders) == 0)
                account_lock(a);
}
