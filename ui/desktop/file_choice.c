/* See file_choice.h. */
#include "ui/desktop/file_choice.h"

struct file_choice {
        file_choice_done done;
        void *userdata;
};

/* The paths of a list of GFiles; those that no path leads to are left out. */
static char **paths_of(GListModel *files)
{
        GPtrArray *paths = g_ptr_array_new();
        g_autoptr(GFile) file = NULL;

        for (guint i = 0; (file = g_list_model_get_item(files, i)); i++) {
                char *path = g_file_get_path(file);

                if (path)
                        g_ptr_array_add(paths, path);
                g_clear_object(&file);
        }
        g_ptr_array_add(paths, NULL);
        return (char **) g_ptr_array_free(paths, false);
}

static void on_answer(GtkNativeDialog *dialog, int answer, gpointer userdata)
{
        struct file_choice *c = userdata;
        g_autoptr(GListModel) files = gtk_file_chooser_get_files(GTK_FILE_CHOOSER(dialog));
        g_auto(GStrv) paths = answer == GTK_RESPONSE_ACCEPT ? paths_of(files) : NULL;

        c->done(paths && *paths ? paths : NULL, c->userdata);
        g_free(c);
        g_object_unref(dialog);
}

static GtkFileChooser *ask(GtkWidget *widget, const char *title, GtkFileChooserAction action, const char *accept,
                           file_choice_done done, void *userdata)
{
        struct file_choice *c = g_new(struct file_choice, 1);
        GtkFileChooserNative *dialog =
                gtk_file_chooser_native_new(title, GTK_WINDOW(gtk_widget_get_root(widget)), action, accept, NULL);

        *c = (struct file_choice){ done, userdata };
        gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(dialog), true);
        g_signal_connect(dialog, "response", G_CALLBACK(on_answer), c);
        return GTK_FILE_CHOOSER(dialog);
}

void file_choice_save(GtkWidget *widget, const char *title, const char *name, file_choice_done done, void *userdata)
{
        GtkFileChooser *chooser = ask(widget, title, GTK_FILE_CHOOSER_ACTION_SAVE, "_Save", done, userdata);

        gtk_file_chooser_set_current_name(chooser, name);
        gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

void file_choice_open(GtkWidget *widget, const char *title, file_choice_done done, void *userdata)
{
        GtkFileChooser *chooser = ask(widget, title, GTK_FILE_CHOOSER_ACTION_OPEN, "_Attach", done, userdata);

        gtk_file_chooser_set_select_multiple(chooser, true);
        gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}
