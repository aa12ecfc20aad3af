/* See mention_list.h. */
#include "ui/desktop/mention_list.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/parts.h"

enum { OFFERED_MAX = 6 };

struct mention_list {
        GtkTextView *view;
        GtkTextBuffer *buffer;
        const struct people *people;
        struct calls calls;
        GPtrArray *members; /* addresses */
        GtkPopover *popover;
        GtkBox *offers;
        unsigned chosen;
};

/* What stands behind the @: the name, as people see it. */
static char *name_of(const struct mention_list *l, guint i)
{
        return people_name(l->people, g_ptr_array_index(l->members, i));
}

/* Finding. */

static bool is_word(const char *s)
{
        return g_unichar_isalnum(g_utf8_get_char(s)) || *s == '_';
}

/* The member whose name stands at @text; of several the longest. -1: nobody's. */
static int member_at(const struct mention_list *l, const char *text, size_t *size)
{
        int found = -1;

        *size = 0;
        for (guint i = 0; i < l->members->len; i++) {
                g_autofree char *name = name_of(l, i);
                size_t n = strlen(name);

                if (n > *size && strncmp(text, name, n) == 0 && !is_word(text + n)) {
                        found = (int) i;
                        *size = n;
                }
        }
        return found;
}

size_t mention_list_find(const struct mention_list *l, const char *text, struct said_mention *out, size_t max)
{
        size_t n = 0, size;

        for (const char *at = strchr(text, '@'); at && n < max; at = strchr(at + 1, '@')) {
                int member = at > text && is_word(g_utf8_prev_char(at)) ? -1 : member_at(l, at + 1, &size);

                if (member >= 0)
                        out[n++] = (struct said_mention){ .offset = (uint32_t) (at - text),
                                                          .length = (uint32_t) (1 + size),
                                                          .address = g_ptr_array_index(l->members, member) };
        }
        return n;
}

/* Offering. */

static void hide(struct mention_list *l)
{
        gtk_popover_popdown(l->popover);
}

/* The @ before the cursor and what was typed since, or NULL. */
static char *typed(const struct mention_list *l, GtkTextIter *start, GtkTextIter *cursor)
{
        gtk_text_buffer_get_iter_at_mark(l->buffer, cursor, gtk_text_buffer_get_insert(l->buffer));
        *start = *cursor;
        while (gtk_text_iter_backward_char(start)) {
                gunichar c = gtk_text_iter_get_char(start);
                GtkTextIter before = *start;

                if (c == '@')
                        return !gtk_text_iter_backward_char(&before) ||
                                               !g_unichar_isalnum(gtk_text_iter_get_char(&before))
                                       ? gtk_text_iter_get_text(start, cursor)
                                       : NULL;
                if (!g_unichar_isalnum(c))
                        return NULL;
        }
        return NULL;
}

static void pick(struct mention_list *l, GtkWidget *button)
{
        GtkTextIter start, cursor;
        g_autofree char *word = typed(l, &start, &cursor);
        g_autofree char *text = g_strdup_printf("@%s ", (const char *) g_object_get_data(G_OBJECT(button), "name"));

        if (word) {
                gtk_text_buffer_delete(l->buffer, &start, &cursor);
                gtk_text_buffer_insert(l->buffer, &start, text, -1);
        }
        hide(l);
        gtk_widget_grab_focus(GTK_WIDGET(l->view));
}

static void on_picked(GtkWidget *button, gpointer userdata)
{
        pick(userdata, button);
}

static void offer(struct mention_list *l, const char *name)
{
        GtkWidget *button = gtk_button_new_with_label(name);
        g_autofree char *words = g_strdup_printf("Mention %s", name);

        gtk_widget_add_css_class(button, "flat");
        part_name(button, words);
        g_object_set_data_full(G_OBJECT(button), "name", g_strdup(name), g_free);
        g_signal_connect(button, "clicked", G_CALLBACK(on_picked), l);
        gtk_box_append(l->offers, button);
}

static GtkWidget *offer_at(const struct mention_list *l, unsigned i)
{
        GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(l->offers));

        while (w && i-- > 0)
                w = gtk_widget_get_next_sibling(w);
        return w;
}

static void choose(struct mention_list *l, unsigned i)
{
        GtkWidget *old = offer_at(l, l->chosen), *new = offer_at(l, i);

        if (!new)
                return;
        if (old)
                gtk_widget_remove_css_class(old, "chosen");
        gtk_widget_add_css_class(new, "chosen");
        l->chosen = i;
}

static unsigned fill(struct mention_list *l, const char *beginning)
{
        GtkWidget *child;
        unsigned n = 0;

        while ((child = gtk_widget_get_first_child(GTK_WIDGET(l->offers))))
                gtk_box_remove(l->offers, child);
        for (guint i = 0; i < l->members->len && n < OFFERED_MAX; i++) {
                g_autofree char *name = name_of(l, i);
                g_autofree char *folded = g_utf8_casefold(name, -1), *sought = g_utf8_casefold(beginning, -1);

                if (g_str_has_prefix(folded, sought)) {
                        offer(l, name);
                        n++;
                }
        }
        return n;
}

static void on_changed(struct mention_list *l)
{
        GtkTextIter start, cursor;
        g_autofree char *word = l->members->len > 0 ? typed(l, &start, &cursor) : NULL;
        GdkRectangle where;

        if (!word || fill(l, word + 1) == 0) {
                hide(l);
                return;
        }
        gtk_text_view_get_iter_location(l->view, &start, &where);
        gtk_text_view_buffer_to_window_coords(l->view, GTK_TEXT_WINDOW_WIDGET, where.x, where.y, &where.x, &where.y);
        gtk_popover_set_pointing_to(l->popover, &where);
        l->chosen = 0;
        choose(l, 0);
        gtk_popover_popup(l->popover);
}

static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
                       gpointer userdata)
{
        struct mention_list *l = userdata;

        if (!gtk_widget_get_visible(GTK_WIDGET(l->popover)))
                return GDK_EVENT_PROPAGATE;
        if (key == GDK_KEY_Tab || key == GDK_KEY_Return)
                pick(l, offer_at(l, l->chosen));
        else if (key == GDK_KEY_Down)
                choose(l, l->chosen + 1);
        else if (key == GDK_KEY_Up && l->chosen > 0)
                choose(l, l->chosen - 1);
        else if (key != GDK_KEY_Up)
                return GDK_EVENT_PROPAGATE;
        return GDK_EVENT_STOP;
}

/* Members. */

static void on_members(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct mention_list *l = userdata;
        const char *address;

        if (error || sd_bus_message_enter_container(reply, 'a', "(ssbb)") < 0)
                return; /* nobody is offered */
        while (sd_bus_message_read(reply, "(ssbb)", &address, NULL, NULL, NULL) > 0)
                g_ptr_array_add(l->members, g_strdup(address));
}

void mention_list_follow(struct mention_list *l, struct account *a, const char *conversation)
{
        calls_cancel(&l->calls);
        g_ptr_array_set_size(l->members, 0);
        hide(l);
        if (conversation)
                (void) calls_method(&l->calls, account_bus(a), account_owner(a), account_path(a), CRYPTO_GROUPS,
                                    "Members", on_members, l, "s", conversation);
}

static void release(struct mention_list *l)
{
        calls_cancel(&l->calls);
        g_ptr_array_unref(l->members);
        gtk_widget_unparent(GTK_WIDGET(l->popover));
        g_free(l);
}

struct mention_list *mention_list_new(GtkTextView *view, const struct people *people)
{
        struct mention_list *l = g_new0(struct mention_list, 1);
        GtkEventController *keys = gtk_event_controller_key_new();

        l->view = view;
        l->buffer = gtk_text_view_get_buffer(view);
        l->people = people;
        l->members = g_ptr_array_new_with_free_func(g_free);
        l->popover = GTK_POPOVER(gtk_popover_new());
        l->offers = GTK_BOX(gtk_box_new(GTK_ORIENTATION_VERTICAL, 0));
        gtk_popover_set_child(l->popover, GTK_WIDGET(l->offers));
        gtk_popover_set_autohide(l->popover, false);
        gtk_popover_set_position(l->popover, GTK_POS_TOP);
        gtk_widget_add_css_class(GTK_WIDGET(l->popover), "mentions");
        gtk_widget_set_parent(GTK_WIDGET(l->popover), GTK_WIDGET(view));
        gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
        g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), l);
        gtk_widget_add_controller(GTK_WIDGET(view), keys);
        g_signal_connect_swapped(l->buffer, "changed", G_CALLBACK(on_changed), l);
        g_signal_connect_swapped(view, "destroy", G_CALLBACK(release), l);
        return l;
}
