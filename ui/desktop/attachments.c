/* See attachments.h. */
#include "ui/desktop/attachments.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/bus.h"
#include "ui/desktop/file_choice.h"
#include "ui/desktop/file_sending.h"
#include "ui/desktop/parts.h"

enum { ATTACHED_MAX = 20 };

struct attachments {
        GtkBox *box;
        const struct attachments_events *events;
        void *userdata;
};

/* One of them, with its descriptor from the moment when it was chosen. */
struct attachment {
        struct attachments *set;
        GtkWidget *root;
        char *name;
        int fd;
};

static void attachment_free(gpointer data)
{
        struct attachment *one = data;

        if (one->fd >= 0)
                close(one->fd);
        g_free(one->name);
        g_free(one);
}

bool attachments_any(const struct attachments *a)
{
        return gtk_widget_get_first_child(GTK_WIDGET(a->box));
}

static void changed(struct attachments *a)
{
        a->events->changed(attachments_any(a), a->userdata);
}

static void on_remove(struct attachment *one)
{
        struct attachments *a = one->set;

        gtk_box_remove(a->box, one->root); /* which frees it */
        changed(a);
}

static void add_words(GtkWidget *line, const struct attachment *one, off_t size)
{
        g_autofree char *formatted = g_format_size((guint64) size);
        g_autofree char *text = g_strdup_printf("%s · %s", one->name, formatted);
        GtkWidget *label = gtk_label_new(text);

        gtk_label_set_xalign(GTK_LABEL(label), 0);
        gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
        gtk_widget_set_hexpand(label, true);
        gtk_box_append(GTK_BOX(line), gtk_image_new_from_icon_name("mail-attachment-symbolic"));
        gtk_box_append(GTK_BOX(line), label);
}

/* Takes @fd. */
static void add(struct attachments *a, int fd, const char *name, off_t size)
{
        struct attachment *one = g_new(struct attachment, 1);
        GtkWidget *remove = gtk_button_new_from_icon_name("window-close-symbolic");
        g_autofree char *words = g_strdup_printf("Do not send “%s”", name);

        *one = (struct attachment){ a, gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 8), g_strdup(name), fd };
        add_words(one->root, one, size);
        gtk_widget_set_tooltip_text(remove, words);
        gtk_widget_add_css_class(remove, "flat");
        gtk_widget_add_css_class(remove, "circular");
        part_name(remove, words);
        g_signal_connect_swapped(remove, "clicked", G_CALLBACK(on_remove), one);
        gtk_box_append(GTK_BOX(one->root), remove);
        gtk_widget_add_css_class(one->root, "context");
        g_object_set_data_full(G_OBJECT(one->root), "attachment", one, attachment_free);
        gtk_box_append(a->box, one->root);
        changed(a);
}

static void refuse(struct attachments *a, const char *name, const char *why)
{
        g_autofree char *text = g_strdup_printf("“%s” cannot be sent: %s.", name, why);

        a->events->failed(&(sd_bus_error){ .name = ERROR_INVALID_ARGUMENT, .message = text }, a->userdata);
}

static unsigned count(const struct attachments *a)
{
        unsigned n = 0;

        for (GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(a->box)); w; w = gtk_widget_get_next_sibling(w))
                n++;
        return n;
}

static void add_path(struct attachments *a, const char *path)
{
        g_autofree char *name = g_path_get_basename(path), *shown = g_filename_display_name(name);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                refuse(a, shown, g_strerror(errno));
        else if (!S_ISREG(st.st_mode))
                refuse(a, shown, S_ISDIR(st.st_mode) ? "it is a folder; pack it first" : "it is no file");
        else if (count(a) >= ATTACHED_MAX)
                refuse(a, shown, "that is too many at once");
        else
                add(a, g_steal_fd(&fd), shown, st.st_size);
        if (fd >= 0)
                close(fd);
}

/* Chosen. */

static void on_chosen(char **paths, void *userdata)
{
        struct attachments *a = userdata;

        for (; paths && *paths; paths++)
                add_path(a, *paths);
}

void attachments_ask(struct attachments *a)
{
        file_choice_open(GTK_WIDGET(a->box), "Attach Files", on_chosen, a);
}

/* Dropped, or pasted as files. */

static void add_files(struct attachments *a, const GValue *value)
{
        for (GSList *l = g_value_get_boxed(value); l; l = l->next) {
                g_autofree char *path = g_file_get_path(l->data);

                if (path)
                        add_path(a, path);
        }
}

static gboolean on_drop(GtkDropTarget *target, const GValue *value, double x, double y, gpointer userdata)
{
        add_files(userdata, value);
        return true;
}

static void on_pasted_files(GObject *clipboard, GAsyncResult *result, gpointer userdata)
{
        struct attachments *a = userdata;
        const GValue *value = gdk_clipboard_read_value_finish(GDK_CLIPBOARD(clipboard), result, NULL);

        if (value)
                add_files(a, value);
        g_object_unref(a->box);
}

/* A picture that another program has copied; it is this person's own, and goes on as PNG. */
static void on_pasted_picture(GObject *clipboard, GAsyncResult *result, gpointer userdata)
{
        struct attachments *a = userdata;
        g_autoptr(GdkTexture) texture = gdk_clipboard_read_texture_finish(GDK_CLIPBOARD(clipboard), result, NULL);
        g_autoptr(GBytes) png = texture ? gdk_texture_save_to_png_bytes(texture) : NULL;
        gsize size = 0;
        const void *data = png ? g_bytes_get_data(png, &size) : NULL;
        int fd = data ? memfd_create("pasted", MFD_CLOEXEC) : -1;

        if (fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t) size)
                add(a, fd, "picture.png", (off_t) size);
        else if (fd >= 0)
                close(fd);
        g_object_unref(a->box);
}

static void on_paste(GtkTextView *view, gpointer userdata)
{
        GdkClipboard *clipboard = gtk_widget_get_clipboard(GTK_WIDGET(view));
        GdkContentFormats *formats = gdk_clipboard_get_formats(clipboard);
        struct attachments *a = userdata;

        if (gdk_content_formats_contain_gtype(formats, G_TYPE_STRING) &&
            !gdk_content_formats_contain_gtype(formats, GDK_TYPE_FILE_LIST))
                return; /* the view does that */
        if (gdk_content_formats_contain_gtype(formats, GDK_TYPE_FILE_LIST))
                gdk_clipboard_read_value_async(clipboard, GDK_TYPE_FILE_LIST, G_PRIORITY_DEFAULT, NULL, on_pasted_files,
                                               a);
        else if (gdk_content_formats_contain_gtype(formats, GDK_TYPE_TEXTURE))
                gdk_clipboard_read_texture_async(clipboard, NULL, on_pasted_picture, a);
        else
                return;
        g_object_ref(a->box); /* until it has been read */
        g_signal_stop_emission_by_name(view, "paste-clipboard");
}

/* Sent. */

static void on_sent(const char *name, const sd_bus_error *error, void *userdata)
{
        struct attachments *a = userdata;

        if (error)
                a->events->failed(error, a->userdata);
}

void attachments_send(struct attachments *a, struct account *account, const char *conversation, const char *caption)
{
        for (GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(a->box)); w; w = gtk_widget_get_next_sibling(w)) {
                struct attachment *one = g_object_get_data(G_OBJECT(w), "attachment");

                file_sending_begin(G_OBJECT(a->box), account, conversation, g_steal_fd(&one->fd), one->name, caption,
                                   on_sent, a);
                caption = "";
        }
        attachments_clear(a);
}

void attachments_clear(struct attachments *a)
{
        GtkWidget *child;

        while ((child = gtk_widget_get_first_child(GTK_WIDGET(a->box))))
                gtk_box_remove(a->box, child);
        changed(a);
}

struct attachments *attachments_new(GtkBox *parent, GtkTextView *view, GtkWidget *drop,
                                    const struct attachments_events *events, void *userdata)
{
        struct attachments *a = g_new0(struct attachments, 1);
        GtkDropTarget *target = gtk_drop_target_new(GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

        a->box = GTK_BOX(gtk_box_new(GTK_ORIENTATION_VERTICAL, 4));
        a->events = events;
        a->userdata = userdata;
        gtk_widget_add_css_class(GTK_WIDGET(a->box), "attachments");
        g_signal_connect(target, "drop", G_CALLBACK(on_drop), a);
        gtk_widget_add_controller(drop, GTK_EVENT_CONTROLLER(target));
        g_signal_connect(view, "paste-clipboard", G_CALLBACK(on_paste), a);
        g_object_set_data_full(G_OBJECT(a->box), "attachments", a, g_free);
        gtk_box_append(parent, GTK_WIDGET(a->box));
        return a;
}
