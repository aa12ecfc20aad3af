/* See file_saving.h. */
#include "ui/desktop/file_saving.h"

#include <string.h>

#include "services/bus.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/output_file.h"
#include "ui/desktop/file_choice.h"

/* FETCHING ─(its transfer is ready)─▶ WRITING ─(Saved)─▶ gone */
enum step { FETCHING, WRITING };

struct wanted {
        struct file_saving *set;
        struct wanted *next;
        enum step step;
        char *target;   /* the file */
        char *transfer; /* the object's path; NULL: not known yet */
        struct output_file output;
        struct calls calls;
        sd_bus_slot *saved;
};

struct file_saving {
        const struct file_saving_events *events;
        void *userdata;
        struct account *account;
        const struct transfers *transfers; /* as they were looked at last */
        struct wanted *first;
        unsigned era; /* changes when all is forgotten */
};

static void drop(struct wanted *w)
{
        struct wanted **at = &w->set->first;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        calls_cancel(&w->calls);
        sd_bus_slot_unref(w->saved);
        output_file_release(&w->output);
        g_free(w->target);
        g_free(w->transfer);
        g_free(w);
}

static void fail(struct wanted *w, const sd_bus_error *error)
{
        const struct file_saving *s = w->set;

        s->events->saved(NULL, error, s->userdata);
        drop(w);
}

static void fail_errno(struct wanted *w, int r)
{
        g_autofree char *text = g_strdup_printf("%s cannot be written: %s.", w->target, g_strerror(-r));

        fail(w, &(sd_bus_error){ .name = ERROR_STORAGE, .message = text });
}

static int on_saved(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct wanted *w = userdata;
        const struct file_saving *s = w->set;
        const char *name, *text;
        int r;

        if (g_strcmp0(sd_bus_message_get_sender(m), account_owner(s->account)) != 0 ||
            sd_bus_message_read(m, "ss", &name, &text) <= 0)
                return 0;
        if (*name) {
                fail(w, &(sd_bus_error){ .name = name, .message = text });
                return 0;
        }
        r = output_file_finish(&w->output);
        if (r < 0) {
                fail_errno(w, r);
                return 0;
        }
        s->events->saved(w->target, NULL, s->userdata);
        drop(w);
        return 0;
}

static void on_begun(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        if (error)
                fail(userdata, error);
}

static void write_out(struct wanted *w)
{
        struct account *a = w->set->account;
        int r = output_file_begin(w->target, true, &w->output);

        w->step = WRITING;
        if (r >= 0)
                r = sd_bus_match_signal_async(account_bus(a), &w->saved, NULL, w->transfer, CRYPTO_TRANSFER, "Saved",
                                              on_saved, NULL, w);
        if (r >= 0)
                r = calls_method(&w->calls, account_bus(a), account_owner(a), w->transfer, CRYPTO_TRANSFER, "Save",
                                 on_begun, w, "ha{sv}", w->output.fd, 0);
        if (r < 0)
                fail_errno(w, r);
}

void file_saving_look(struct file_saving *s, const struct transfers *t)
{
        struct wanted *next;

        s->transfers = t;
        for (struct wanted *w = s->first; w; w = next) {
                const struct transfer *one = w->transfer ? transfers_find(t, w->transfer) : NULL;

                next = w->next;
                if (one && w->step == FETCHING && strcmp(one->state, "ready") == 0)
                        write_out(w);
        }
}

static void on_fetched(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct wanted *w = userdata;
        const char *path;

        if (error) {
                fail(w, error);
        } else if (sd_bus_message_read(reply, "o", &path) <= 0) {
                fail(w, &calls_malformed);
        } else {
                w->transfer = g_strdup(path);
                if (w->set->transfers) /* it may have been fetched before */
                        file_saving_look(w->set, w->set->transfers);
        }
}

/* Where to, asked while everything may end. */
struct question {
        struct file_saving *set;
        GtkWidget *widget; /* a reference; what holds the set lives as long as that */
        char *conversation;
        uint64_t message;
        unsigned era;
};

static void fetch(const struct question *q, const char *target)
{
        struct file_saving *s = q->set;
        struct account *a = s->account;
        struct wanted *w = g_new0(struct wanted, 1);

        *w = (struct wanted){ .set = s, .next = s->first, .target = g_strdup(target), .output.fd = -1 };
        s->first = w;
        if (calls_method(&w->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_TRANSFERS, "Receive",
                         on_fetched, w, "st", q->conversation, q->message) < 0)
                drop(w);
}

static void on_target(char **paths, void *userdata)
{
        struct question *q = userdata;

        if (paths && gtk_widget_get_root(q->widget) && q->era == q->set->era)
                fetch(q, paths[0]);
        g_object_unref(q->widget);
        g_free(q->conversation);
        g_free(q);
}

void file_saving_ask(struct file_saving *s, GtkWidget *widget, struct account *a, const char *conversation,
                     uint64_t message, const char *name)
{
        struct question *q = g_new(struct question, 1);

        s->account = a;
        *q = (struct question){ s, g_object_ref(widget), g_strdup(conversation), message, s->era };
        file_choice_save(widget, "Save the File", name, on_target, q);
}

void file_saving_clear(struct file_saving *s)
{
        while (s->first)
                drop(s->first);
        s->account = NULL;
        s->transfers = NULL;
        s->era++;
}

struct file_saving *file_saving_new(const struct file_saving_events *events, void *userdata)
{
        struct file_saving *s = g_new0(struct file_saving, 1);

        s->events = events;
        s->userdata = userdata;
        return s;
}

void file_saving_free(struct file_saving *s)
{
        file_saving_clear(s);
        g_free(s);
}
