/* visavis-desktop: the window of Visavis. It shows and asks; it holds no key and links no crypto library. */
#include <adwaita.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "services/log.h"
#include "ui/desktop/window.h"

static void on_about(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        adw_show_about_window(gtk_application_get_active_window(userdata), "application-name", "Visavis",
                              "application-icon", "im.visavis.Desktop", "version", VISAVIS_VERSION, "comments",
                              "Chat face to face: your face and a PIN open your messages, and nothing else does.",
                              "license-type", GTK_LICENSE_APACHE_2_0, NULL);
}

/* What a notification is for: the window, and in it the conversation with the id @parameter, if it is one. */
static void on_show(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        GtkWindow *window = gtk_application_get_active_window(userdata);

        if (!window)
                return;
        gtk_window_present(window);
        if (*g_variant_get_string(parameter, NULL))
                g_action_group_activate_action(G_ACTION_GROUP(window), "show-conversation", parameter);
}

static const GActionEntry actions[] = { { .name = "about", .activate = on_about },
                                        { .name = "show", .activate = on_show, .parameter_type = "s" } };

static void on_startup(GtkApplication *app, gpointer userdata)
{
        g_action_map_add_action_entries(G_ACTION_MAP(app), actions, G_N_ELEMENTS(actions), app);
        /* The PIN passes through here: no other program of the person's may read this one's memory. Only now, since
         * desktop portals look into /proc/PID of whom they answer, and GTK has asked them for the style by now. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                log_warning("Other programs of the same user can read this one's memory: %s.", strerror(errno));
}

static void on_activate(GtkApplication *app, char **bus_address)
{
        GtkWindow *window = gtk_application_get_active_window(app);

        gtk_window_present(window ? window : window_new(app, *bus_address));
}

/* -1: go on. */
static int on_options(GApplication *app, GVariantDict *options, gpointer userdata)
{
        if (!g_variant_dict_contains(options, "version"))
                return -1;
        g_print("visavis-desktop " VISAVIS_VERSION "\n");
        return 0;
}

int main(int argc, char *argv[])
{
        g_autofree char *bus_address = NULL;
        const GOptionEntry options[] = {
                { "bus", 0, 0, G_OPTION_ARG_STRING, &bus_address, "The bus on which the services are", "ADDRESS" },
                { "version", 0, 0, G_OPTION_ARG_NONE, NULL, "Print the version", NULL },
                { 0 },
        };
        const struct rlimit none = { 0, 0 };

        log_open("visavis-desktop", LOG_WARNING);
        if (setrlimit(RLIMIT_CORE, &none) < 0) {
                log_error("Core dumps could not be switched off: %s.", strerror(errno));
                return 1;
        }
        g_autoptr(AdwApplication) app = adw_application_new("im.visavis.Desktop", G_APPLICATION_DEFAULT_FLAGS);
        g_application_add_main_option_entries(G_APPLICATION(app), options);
        g_signal_connect(app, "handle-local-options", G_CALLBACK(on_options), NULL);
        g_signal_connect_after(app, "startup", G_CALLBACK(on_startup), NULL);
        g_signal_connect(app, "activate", G_CALLBACK(on_activate), &bus_address);
        return g_application_run(G_APPLICATION(app), argc, argv);
}
