/* That something waits for accounts that are locked. */
#include "ui/desktop/waiting.h"

#include <glib.h>

#include "ui/client/hub_link.h"
#include "ui/desktop/notification.h"

struct waiting {
        GPtrArray *inboxes; /* struct inbox */
};

struct inbox {
        struct hub_link *link;
        bool known; /* how much there was when we began */
        uint32_t size;
};

static void on_link(struct hub_link *l, const struct hub_link_view *view, void *userdata)
{
        struct inbox *i = userdata;

        if (i->known && view->inbox > i->size)
                notification_show("", "New message", "");
        i->size = view->inbox;
        i->known = true;
}

static const struct hub_link_events events = { .changed = on_link };

static void inbox_free(gpointer p)
{
        struct inbox *i = p;

        hub_link_free(i->link);
        g_free(i);
}

struct waiting *waiting_new(void)
{
        struct waiting *w = g_new0(struct waiting, 1);

        w->inboxes = g_ptr_array_new_with_free_func(inbox_free);
        return w;
}

struct waiting *waiting_free(struct waiting *w)
{
        g_ptr_array_unref(w->inboxes);
        g_free(w);
        return NULL;
}

void waiting_follow(struct waiting *w, sd_bus *bus, const struct account_entry *list, size_t n)
{
        waiting_stop(w);
        for (size_t i = 0; i < n; i++) {
                struct inbox *inbox = g_new0(struct inbox, 1);

                if (hub_link_open(bus, list[i].id, &events, inbox, &inbox->link) >= 0)
                        g_ptr_array_add(w->inboxes, inbox);
                else
                        g_free(inbox);
        }
}

void waiting_stop(struct waiting *w)
{
        g_ptr_array_set_size(w->inboxes, 0);
}
