/* See discovery.h. A search:
 *
 *     FindHubs ─▶ ServiceBrowserNew ─▶ ItemNew … ─▶ ResolveService for each ─▶ AllForNow, and all resolved ─▶ answer
 *                                                                             or the time is over
 */
#include "discovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/address.h"
#include "services/bus.h"
#include "services/cleanup.h"

enum { HUBS_MAX = 32, SEARCHES_MAX = 8, SEARCH_USEC = 3 * 1000 * 1000, AVAHI_ANY = -1, NAME_MAX_SIZE = 256 };

#define AVAHI "org.freedesktop.Avahi"
#define SERVER AVAHI, "/", AVAHI ".Server"
#define SERVICE_TYPE "_visavis._tcp"

struct found {
        char name[NAME_MAX_SIZE];
        char address[ADDRESS_TEXT_MAX];
};

struct search {
        struct search *next;
        struct discovery *discovery;
        sd_bus_message *call;
        sd_bus_slot *browsing, *items, *ended, *resolving[HUBS_MAX];
        sd_event_source *timer;
        char *avahi, *browser; /* its unique name, and its object for us; NULL: not known yet */
        unsigned asked, resolved, count;
        bool all; /* that Avahi knows of for now */
        struct found hubs[HUBS_MAX];
};

struct discovery {
        struct node *node;
        sd_bus_slot *object;
        struct search *searches;
};

static void search_free(struct search *s)
{
        struct search **p = &s->discovery->searches;

        while (*p != s)
                p = &(*p)->next;
        *p = s->next;
        if (s->browser)
                (void) sd_bus_call_method_async(s->discovery->node->bus, NULL, AVAHI, s->browser, DISCOVERY_SIGNALS,
                                                "Free", NULL, NULL, "");
        for (unsigned i = 0; i < s->asked; i++)
                sd_bus_slot_unref(s->resolving[i]);
        sd_bus_slot_unref(s->browsing);
        sd_bus_slot_unref(s->items);
        sd_bus_slot_unref(s->ended);
        sd_event_source_unref(s->timer);
        sd_bus_message_unref(s->call);
        free(s->browser);
        free(s->avahi);
        free(s);
}

static int write_answer(const struct search *s, sd_bus_message *m)
{
        int r = sd_bus_message_open_container(m, 'a', "(ss)");

        for (unsigned i = 0; r >= 0 && i < s->count; i++)
                r = sd_bus_message_append(m, "(ss)", s->hubs[i].name, s->hubs[i].address);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void finish(struct search *s)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;

        if (sd_bus_message_new_method_return(s->call, &answer) >= 0 && write_answer(s, answer) >= 0)
                (void) sd_bus_send(NULL, answer, NULL);
        search_free(s);
}

static void finish_if_done(struct search *s)
{
        if (s->all && s->resolved == s->asked)
                finish(s);
}

static int on_time_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        finish(userdata);
        return 0;
}

/* The value of one of a service's TXT strings, NUL-terminated; false if there is none, or it is too long. */
static bool read_txt(sd_bus_message *m, const char *key, char *out, size_t size)
{
        const char *entry;
        size_t length, key_length = strlen(key);
        bool found = false;

        if (sd_bus_message_enter_container(m, 'a', "ay") < 0)
                return false;
        while (sd_bus_message_read_array(m, 'y', (const void **) &entry, &length) > 0) {
                if (found || length <= key_length || memcmp(entry, key, key_length) != 0 ||
                    length - key_length >= size || memchr(entry, '\0', length))
                        continue;
                memcpy(out, entry + key_length, length - key_length);
                out[length - key_length] = '\0';
                found = true;
        }
        return sd_bus_message_exit_container(m) >= 0 && found;
}

/* Notes a hub, each address once: it is announced on every interface, by IPv4 and IPv6. */
static void note(struct search *s, const char *name, const char *text)
{
        struct found *f = &s->hubs[s->count];
        struct address a;

        if (s->count == HUBS_MAX || strlen(name) >= sizeof(f->name) || address_parse_hub(text, &a, NULL) < 0)
                return;
        address_format(&a, true, f->address);
        for (unsigned i = 0; i < s->count; i++)
                if (strcmp(s->hubs[i].address, f->address) == 0)
                        return;
        strcpy(f->name, name);
        s->count++;
}

static int on_resolved(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct search *s = userdata;
        char text[ADDRESS_TEXT_MAX];
        const char *name;

        s->resolved++;
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "iis", NULL, NULL, &name) >= 0 &&
            sd_bus_message_skip(m, "sssisq") >= 0 && read_txt(m, "address=", text, sizeof(text)))
                note(s, name, text);
        finish_if_done(s);
        return 0;
}

/* Avahi's signals are addressed to who has asked, so sd-bus would take anybody's for them. They come after its answer.
 */
static bool is_ours(const struct search *s, sd_bus_message *m)
{
        return s->browser && strcmp(sd_bus_message_get_path(m), s->browser) == 0 &&
               strcmp(sd_bus_message_get_sender(m), s->avahi) == 0;
}

static int on_item(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct search *s = userdata;
        const char *name, *type, *domain;
        int interface, protocol;

        if (!is_ours(s, m) || s->asked == HUBS_MAX ||
            sd_bus_message_read(m, "iisss", &interface, &protocol, &name, &type, &domain) < 0 ||
            strcmp(type, SERVICE_TYPE) != 0)
                return 0;
        if (sd_bus_call_method_async(s->discovery->node->bus, &s->resolving[s->asked], SERVER, "ResolveService",
                                     on_resolved, s, "iisssiu", interface, protocol, name, type, domain, AVAHI_ANY,
                                     0U) >= 0)
                s->asked++;
        return 0;
}

static int on_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct search *s = userdata;

        if (!is_ours(s, m))
                return 0;
        s->all = true;
        finish_if_done(s);
        return 0;
}

static int on_browsing(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct search *s = userdata;
        const char *path;

        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "o", &path) < 0) {
                (void) sd_bus_reply_method_errorf(s->call, ERROR_NOT_FOUND,
                                                  "Nothing looks for hubs on the local network here: Avahi does not "
                                                  "answer (%s). Start avahi-daemon, or type the hub's address.",
                                                  sd_bus_message_get_error(m) ? sd_bus_message_get_error(m)->name
                                                                              : "?");
                search_free(s);
                return 0;
        }
        s->browser = strdup(path);
        s->avahi = strdup(sd_bus_message_get_sender(m));
        if (!s->browser || !s->avahi)
                finish(s);
        return 0;
}

static int begin(struct search *s)
{
        sd_bus *bus = s->discovery->node->bus;
        int r = sd_bus_match_signal_async(bus, &s->items, AVAHI, NULL, DISCOVERY_SIGNALS, "ItemNew", on_item, NULL, s);

        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &s->ended, AVAHI, NULL, DISCOVERY_SIGNALS, "AllForNow", on_all, NULL,
                                              s);
        if (r >= 0)
                r = sd_event_add_time_relative(s->discovery->node->event, &s->timer, CLOCK_BOOTTIME, SEARCH_USEC, 0,
                                               on_time_over, s);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &s->browsing, SERVER, "ServiceBrowserNew", on_browsing, s, "iissu",
                                             AVAHI_ANY, AVAHI_ANY, SERVICE_TYPE, "", 0U);
        return r;
}

static int on_find_hubs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct discovery *d = userdata;
        struct search *s;
        unsigned running = 0;
        int r;

        for (s = d->searches; s; s = s->next)
                running++;
        if (running >= SEARCHES_MAX)
                return sd_bus_error_set(error, ERROR_BUSY, "Hubs are being looked for already; wait a moment.");
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->discovery = d;
        s->call = sd_bus_message_ref(m);
        s->next = d->searches;
        d->searches = s;
        r = begin(s);
        if (r < 0)
                search_free(s);
        return r < 0 ? r : 1;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("FindHubs", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ss)", hubs), on_find_hubs,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int discovery_new(struct node *n, struct discovery **out)
{
        struct discovery *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->node = n;
        r = sd_bus_add_object_vtable(n->bus, &d->object, "/im/visavis/Relay1", "im.visavis.Relay1.Discovery", vtable,
                                     d);
        if (r < 0) {
                free(d);
                return r;
        }
        *out = d;
        return 0;
}

struct discovery *discovery_free(struct discovery *d)
{
        if (!d)
                return NULL;
        while (d->searches)
                search_free(d->searches);
        sd_bus_slot_unref(d->object);
        free(d);
        return NULL;
}
