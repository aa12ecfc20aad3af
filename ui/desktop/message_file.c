/* See message_file.h. */
#include "ui/desktop/message_file.h"

#include <string.h>

#include "ui/desktop/parts.h"

enum { PIXEL_BYTES = 3, SIDE_MAX = 64, THUMBNAIL_WIDTH = 220 };

struct message_file {
        const struct message_facts *message;
        const struct message_events *events;
        void *userdata;
};

/* NULL if the bytes are no picture. */
static GdkTexture *texture_of(const uint8_t *bytes, size_t size)
{
        size_t width = size >= 2 ? bytes[0] : 0, height = size >= 2 ? bytes[1] : 0;

        if (width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX ||
            size != 2 + PIXEL_BYTES * width * height)
                return NULL;
        g_autoptr(GBytes) pixels = g_bytes_new(bytes + 2, size - 2);
        return gdk_memory_texture_new((int) width, (int) height, GDK_MEMORY_R8G8B8, pixels, PIXEL_BYTES * width);
}

static void add_thumbnail(GtkWidget *box, const struct said *s)
{
        g_autoptr(GdkTexture) texture = texture_of(s->thumbnail, s->thumbnail_size);
        GtkWidget *picture;

        if (!texture)
                return;
        picture = gtk_picture_new_for_paintable(GDK_PAINTABLE(texture));
        gtk_picture_set_content_fit(GTK_PICTURE(picture), GTK_CONTENT_FIT_COVER);
        gtk_widget_set_size_request(picture, THUMBNAIL_WIDTH,
                                    THUMBNAIL_WIDTH * gdk_texture_get_height(texture) / gdk_texture_get_width(texture));
        gtk_widget_set_overflow(picture, GTK_OVERFLOW_HIDDEN);
        gtk_widget_add_css_class(picture, "thumbnail");
        part_name(picture, "Thumbnail");
        gtk_box_append(GTK_BOX(box), picture);
}

static const char *icon_of(const char *media_type)
{
        static const char *const kinds[][2] = { { "image/", "image-x-generic-symbolic" },
                                                { "audio/", "audio-x-generic-symbolic" },
                                                { "video/", "video-x-generic-symbolic" },
                                                { "text/", "text-x-generic-symbolic" } };

        for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
                if (g_str_has_prefix(media_type, kinds[i][0]))
                        return kinds[i][1];
        return "x-office-document-symbolic";
}

/* Size, and what the sender says of it: "1.2 MB · 640 × 480", "3.0 MB · 2:05". */
static char *details_of(const struct said *s)
{
        g_autofree char *size = g_format_size(s->file_size);
        GString *details = g_string_new(size);

        if (s->width > 0 && s->height > 0)
                g_string_append_printf(details, " · %" G_GUINT64_FORMAT " × %" G_GUINT64_FORMAT, s->width, s->height);
        if (s->duration > 0)
                g_string_append_printf(details, " · %" G_GUINT64_FORMAT ":%02" G_GUINT64_FORMAT, s->duration / 60000,
                                       s->duration / 1000 % 60);
        return g_string_free(details, false);
}

static void on_save(struct message_file *f)
{
        f->events->chosen(f->message, MESSAGE_SAVE, f->userdata);
}

static GtkWidget *new_save(struct message_file *f, const char *file_name)
{
        GtkWidget *button = gtk_button_new_from_icon_name("document-save-symbolic");
        g_autofree char *name = g_strdup_printf("Save “%s”", file_name);

        gtk_widget_add_css_class(button, "circular");
        gtk_widget_add_css_class(button, "flat");
        gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
        gtk_widget_set_tooltip_text(button, "Save As…");
        part_name(button, name);
        g_signal_connect_swapped(button, "clicked", G_CALLBACK(on_save), f);
        return button;
}

static GtkWidget *new_words(const struct said *s)
{
        GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        g_autofree char *details = details_of(s);
        GtkWidget *name = gtk_label_new(s->file_name), *below = gtk_label_new(details);

        gtk_label_set_xalign(GTK_LABEL(name), 0);
        gtk_label_set_ellipsize(GTK_LABEL(name), PANGO_ELLIPSIZE_MIDDLE);
        gtk_label_set_max_width_chars(GTK_LABEL(name), 28);
        gtk_widget_set_tooltip_text(name, s->file_name);
        gtk_label_set_xalign(GTK_LABEL(below), 0);
        gtk_widget_add_css_class(below, "caption");
        gtk_box_append(GTK_BOX(words), name);
        gtk_box_append(GTK_BOX(words), below);
        gtk_widget_set_hexpand(words, true);
        return words;
}

GtkWidget *message_file_new(const struct said *s, const struct message_facts *m, const struct message_events *events,
                            void *userdata)
{
        struct message_file *f = g_new0(struct message_file, 1);
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6), *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 10);
        GtkWidget *icon = gtk_image_new_from_icon_name(icon_of(s->media_type));

        *f = (struct message_file){ m, events, userdata };
        gtk_image_set_pixel_size(GTK_IMAGE(icon), 24);
        gtk_box_append(GTK_BOX(line), icon);
        gtk_box_append(GTK_BOX(line), new_words(s));
        gtk_box_append(GTK_BOX(line), new_save(f, s->file_name));
        add_thumbnail(box, s);
        gtk_box_append(GTK_BOX(box), line);
        gtk_widget_add_css_class(box, "file");
        g_object_set_data_full(G_OBJECT(box), "message-file", f, g_free);
        return box;
}
