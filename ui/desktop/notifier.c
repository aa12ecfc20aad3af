/* What an unlocked account tells its person outside of the window. */
#include "ui/desktop/notifier.h"

#include <glib.h>
#include <string.h>

#include "ui/client/client.h"
#include "ui/desktop/notification.h"

struct notifier {
        bool (*watched)(const char *conversation, void *userdata);
        void *userdata;
        struct account *account; /* NULL: none is followed */
        sd_bus_slot *slot;
};

/* Up to the @ of an address; a group's name has none. */
static char *name_of(const char *who)
{
        return g_strndup(who, strcspn(who, "@"));
}

static void show_message(const char *conversation, const char *title, const char *sender, const char *text)
{
        g_autofree char *place = name_of(title), *who = name_of(sender), *body = NULL;
        const char *words = *text ? text : "New message";

        if (!*title) {
                notification_show(conversation, "New message", "");
                return;
        }
        body = *sender && strcmp(title, sender) != 0 && !strchr(title, '@') ? g_strdup_printf("%s: %s", who, words)
                                                                            : g_strdup(words);
        notification_show(conversation, place, body);
}

static int on_notified(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        struct notifier *n = userdata;
        const char *kind, *conversation, *title, *sender, *text, *owner = account_owner(n->account);

        /* Anybody may send anybody a signal. */
        if (g_strcmp0(sd_bus_message_get_sender(m), owner) != 0 ||
            sd_bus_message_read(m, "sssss", &kind, &conversation, &title, &sender, &text) <= 0)
                return 0;
        if (strcmp(kind, "request") == 0)
                notification_show("", "Somebody wants to talk to you", "You find the request under Contacts.");
        else if (!n->watched(conversation, n->userdata))
                show_message(conversation, title, sender, text);
        return 0;
}

struct notifier *notifier_new(bool (*watched)(const char *conversation, void *userdata), void *userdata)
{
        struct notifier *n = g_new0(struct notifier, 1);

        n->watched = watched;
        n->userdata = userdata;
        return n;
}

struct notifier *notifier_free(struct notifier *n)
{
        notifier_stop(n);
        g_free(n);
        return NULL;
}

void notifier_follow(struct notifier *n, struct account *a)
{
        notifier_stop(n);
        n->account = a;
        (void) sd_bus_match_signal_async(account_bus(a), &n->slot, CRYPTO_SERVICE, account_path(a),
                                         CRYPTO_NOTIFICATIONS, "Notified", on_notified, NULL, n);
}

void notifier_stop(struct notifier *n)
{
        n->slot = sd_bus_slot_unref(n->slot);
        n->account = NULL;
}
