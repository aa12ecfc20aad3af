/* How long an account has to wait. */
#include "ui/desktop/lock_out.h"

#include <glib.h>
#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"

struct lock_out {
        void (*changed)(void *userdata);
        void *userdata;
        struct calls calls;
        char *account;
        gint64 until; /* CLOCK_MONOTONIC, microseconds; 0: no wait */
        guint tick;
};

static gboolean on_tick(gpointer userdata)
{
        struct lock_out *l = userdata;
        bool over = lock_out_seconds(l) == 0;

        if (over) {
                l->until = 0;
                l->tick = 0;
        }
        l->changed(l->userdata);
        return over ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void on_enrolments(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct lock_out *l = userdata;
        const char *account, *engine;
        uint64_t seconds, wait = 0;
        int r = error ? -1 : sd_bus_message_enter_container(reply, 'a', "(sst)");

        while (r >= 0 && (r = sd_bus_message_read(reply, "(sst)", &account, &engine, &seconds)) > 0)
                if (strcmp(account, l->account) == 0)
                        wait = MIN(seconds, (uint64_t) G_MAXINT32);
        if (r < 0 || wait == 0)
                return;
        l->until = g_get_monotonic_time() + (gint64) wait * G_USEC_PER_SEC;
        l->tick = g_timeout_add_seconds(1, on_tick, l);
        l->changed(l->userdata);
}

struct lock_out *lock_out_new(void (*changed)(void *userdata), void *userdata)
{
        struct lock_out *l = g_new0(struct lock_out, 1);

        l->changed = changed;
        l->userdata = userdata;
        return l;
}

struct lock_out *lock_out_free(struct lock_out *l)
{
        if (l)
                lock_out_stop(l);
        g_free(l);
        return NULL;
}

void lock_out_ask(struct lock_out *l, sd_bus *bus, const char *account)
{
        lock_out_stop(l);
        l->account = g_strdup(account);
        (void) calls_method(&l->calls, bus, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, "ListEnrolments", on_enrolments, l,
                            "");
}

void lock_out_stop(struct lock_out *l)
{
        calls_cancel(&l->calls);
        g_clear_handle_id(&l->tick, g_source_remove);
        g_clear_pointer(&l->account, g_free);
        l->until = 0;
}

uint64_t lock_out_seconds(const struct lock_out *l)
{
        gint64 left = l->until - g_get_monotonic_time();

        return l->until == 0 || left <= 0 ? 0 : (uint64_t) (left + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
}

char *lock_out_sentence(const struct lock_out *l)
{
        uint64_t s = lock_out_seconds(l);

        if (s < 60)
                return g_strdup_printf("Your face is looked at again in %u s.", (unsigned) s);
        if (s < 3600)
                return g_strdup_printf("Your face is looked at again in %u:%02u minutes.", (unsigned) (s / 60),
                                       (unsigned) (s % 60));
        return g_strdup_printf("Your face is looked at again in %u hours and %u minutes.", (unsigned) (s / 3600),
                               (unsigned) (s / 60 % 60));
}
