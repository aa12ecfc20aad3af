/* See history_export.h. */
#include "ui/desktop/history_export.h"

#include <adwaita.h>
#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/output_file.h"
#include "ui/desktop/file_choice.h"

struct history_export {
        GtkWidget *widget; /* a reference */
        sd_bus *bus;
        char *path, *owner; /* the account's object, and cryptod; the account may end before this does */
        char *conversation;
        struct output_file output;
        struct calls calls;
        sd_bus_slot *slot;
        uint32_t job; /* 0: not known yet */
};

static void end(struct history_export *e, const char *heading, const char *body)
{
        GtkRoot *window = gtk_widget_get_root(e->widget);

        calls_cancel(&e->calls);
        sd_bus_slot_unref(e->slot);
        output_file_release(&e->output);
        if (window && heading) {
                GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(window), heading, body);

                adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "close", "_Close");
                gtk_window_present(GTK_WINDOW(dialog));
        }
        g_object_unref(e->widget);
        sd_bus_unref(e->bus);
        g_free(e->path);
        g_free(e->owner);
        g_free(e->conversation);
        g_free(e);
}

static void finish(struct history_export *e)
{
        g_autofree char *path = g_strdup(e->output.path);
        int r = output_file_finish(&e->output);

        if (r < 0)
                end(e, "Not Exported", g_strerror(-r));
        else
                end(e, "Exported", path);
}

static int on_exported(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct history_export *e = userdata;
        const char *name, *text;
        uint32_t job;

        if (sd_bus_message_read(m, "uss", &job, &name, &text) < 0 || job != e->job ||
            strcmp(sd_bus_message_get_sender(m), e->owner) != 0)
                return 0;
        if (*name)
                end(e, "Not Exported", text);
        else
                finish(e);
        return 0;
}

static void on_begun(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct history_export *e = userdata;

        if (error)
                end(e, "Not Exported", client_error_text(error));
        else if (sd_bus_message_read(reply, "u", &e->job) < 0)
                end(e, "Not Exported", client_error_text(&calls_malformed));
}

static int call(struct history_export *e, const char *path)
{
        g_autofree char *lower = g_ascii_strdown(path, -1);
        int r = sd_bus_match_signal_async(e->bus, &e->slot, NULL, e->path, CRYPTO_HISTORY, "Exported", on_exported,
                                          NULL, e);

        return r < 0 ? r
                     : calls_method(&e->calls, e->bus, e->owner, e->path, CRYPTO_HISTORY, "Export", on_begun, e, "ssh",
                                    e->conversation, g_str_has_suffix(lower, ".json") ? "json" : "text", e->output.fd);
}

static void on_named(char **paths, void *userdata)
{
        struct history_export *e = userdata;
        int r = paths && gtk_widget_get_root(e->widget) ? output_file_begin(paths[0], true, &e->output) : 0;

        if (!paths || !gtk_widget_get_root(e->widget)) {
                end(e, NULL, NULL);
                return;
        }
        if (r >= 0)
                r = call(e, paths[0]);
        if (r < 0)
                end(e, "Not Exported", g_strerror(-r));
}

void history_export_ask(GtkWidget *widget, struct account *account, const char *conversation, const char *title)
{
        struct history_export *e = g_new0(struct history_export, 1);
        g_autofree char *name = g_strdup_printf("%s.txt", title);

        e->widget = g_object_ref(widget);
        e->bus = sd_bus_ref(account_bus(account));
        e->path = g_strdup(account_path(account));
        e->owner = g_strdup(account_owner(account));
        e->conversation = g_strdup(conversation);
        e->output.fd = -1;
        file_choice_save(widget, "Export the Conversation", g_strdelimit(name, "/", '_'), on_named, e);
}
