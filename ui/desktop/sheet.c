/* A window above the main one with pages that lead into each other. */
#include "ui/desktop/sheet.h"

#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"

struct sheet {
        GtkWindow *window;
        AdwWindowTitle *title;
        GtkWidget *back;
        GtkStack *pages;
        AdwToastOverlay *toasts;
        struct notice *notice;
        GPtrArray *titles; /* of the pages, from the first one on */
};

static GtkWidget *page_on_top(struct sheet *s)
{
        return gtk_widget_get_last_child(GTK_WIDGET(s->pages));
}

static void show_top(struct sheet *s)
{
        GtkWidget *top = page_on_top(s);

        gtk_stack_set_visible_child(s->pages, top);
        for (GtkWidget *w = gtk_widget_get_first_child(GTK_WIDGET(s->pages)); w; w = gtk_widget_get_next_sibling(w))
                gtk_accessible_update_state(GTK_ACCESSIBLE(w), GTK_ACCESSIBLE_STATE_HIDDEN, w != top, -1);
        adw_window_title_set_title(s->title, g_ptr_array_index(s->titles, s->titles->len - 1));
        gtk_widget_set_visible(s->back, s->titles->len > 1);
        notice_hide(s->notice);
}

void sheet_push(struct sheet *s, const char *title, GtkWidget *page)
{
        g_ptr_array_add(s->titles, g_strdup(title));
        gtk_stack_add_child(s->pages, page);
        show_top(s);
        gtk_widget_child_focus(page, GTK_DIR_TAB_FORWARD);
}

static void drop_top(struct sheet *s)
{
        gtk_stack_remove(s->pages, page_on_top(s));
        g_ptr_array_set_size(s->titles, (int) s->titles->len - 1);
}

void sheet_pop(struct sheet *s)
{
        if (s->titles->len < 2)
                return;
        drop_top(s);
        show_top(s);
}

void sheet_pop_all(struct sheet *s)
{
        while (s->titles->len > 1)
                drop_top(s);
        show_top(s);
}

/* One page back, or the window's end. */
static gboolean on_escape(GtkWidget *widget, GVariant *arguments, gpointer userdata)
{
        struct sheet *s = userdata;

        if (s->titles->len > 1)
                sheet_pop(s);
        else
                gtk_window_close(s->window);
        return TRUE;
}

static void release(gpointer userdata)
{
        struct sheet *s = userdata;

        g_ptr_array_unref(s->titles);
        g_free(s);
}

static GtkWidget *header(struct sheet *s)
{
        GtkWidget *bar = adw_header_bar_new();

        s->title = ADW_WINDOW_TITLE(adw_window_title_new("", ""));
        s->back = gtk_button_new_from_icon_name("go-previous-symbolic");
        gtk_widget_set_tooltip_text(s->back, "Back (Esc)");
        part_name(s->back, "Back");
        adw_header_bar_set_title_widget(ADW_HEADER_BAR(bar), GTK_WIDGET(s->title));
        adw_header_bar_pack_start(ADW_HEADER_BAR(bar), s->back);
        g_signal_connect_swapped(s->back, "clicked", G_CALLBACK(sheet_pop), s);
        return bar;
}

static GtkWidget *content(struct sheet *s)
{
        GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0), *notices = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);

        s->pages = GTK_STACK(gtk_stack_new());
        s->toasts = ADW_TOAST_OVERLAY(adw_toast_overlay_new());
        gtk_stack_set_transition_type(s->pages, GTK_STACK_TRANSITION_TYPE_CROSSFADE);
        gtk_stack_set_hhomogeneous(s->pages, false);
        gtk_widget_set_vexpand(GTK_WIDGET(s->pages), true);
        gtk_box_append(GTK_BOX(box), header(s));
        gtk_widget_add_css_class(notices, "sheet-notice");
        s->notice = notice_new(GTK_BOX(notices));
        gtk_box_append(GTK_BOX(box), notices);
        gtk_box_append(GTK_BOX(box), GTK_WIDGET(s->pages));
        adw_toast_overlay_set_child(s->toasts, box);
        return GTK_WIDGET(s->toasts);
}

struct sheet *sheet_new(GtkWindow *parent, const char *title, GtkWidget *page)
{
        enum { WIDTH = 560, HEIGHT = 600, LEAST_WIDTH = 340, LEAST_HEIGHT = 360 };
        struct sheet *s = g_new0(struct sheet, 1);
        GtkEventController *keys = gtk_shortcut_controller_new();

        s->window = GTK_WINDOW(adw_window_new());
        s->titles = g_ptr_array_new_with_free_func(g_free);
        adw_window_set_content(ADW_WINDOW(s->window), content(s));
        gtk_window_set_title(s->window, title);
        gtk_window_set_default_size(s->window, WIDTH, HEIGHT);
        gtk_widget_set_size_request(GTK_WIDGET(s->window), LEAST_WIDTH, LEAST_HEIGHT);
        gtk_window_set_transient_for(s->window, parent);
        gtk_window_set_modal(s->window, true);
        gtk_window_set_destroy_with_parent(s->window, true);
        gtk_shortcut_controller_add_shortcut(GTK_SHORTCUT_CONTROLLER(keys),
                                             gtk_shortcut_new(gtk_keyval_trigger_new(GDK_KEY_Escape, 0),
                                                              gtk_callback_action_new(on_escape, s, NULL)));
        gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE); /* before a field that has the focus */
        gtk_widget_add_controller(GTK_WIDGET(s->window), keys);
        g_object_set_data_full(G_OBJECT(s->window), "sheet", s, release);
        sheet_push(s, title, page);
        gtk_window_present(s->window);
        return s;
}

void sheet_show_error(struct sheet *s, const sd_bus_error *error)
{
        notice_show_error(s->notice, error);
}

void sheet_show(struct sheet *s, const char *title, const char *text)
{
        notice_show(s->notice, "dialog-warning-symbolic", title, text);
}

void sheet_hide(struct sheet *s)
{
        notice_hide(s->notice);
}

void sheet_toast(struct sheet *s, const char *text)
{
        g_autofree char *markup = g_markup_escape_text(text, -1);

        adw_toast_overlay_add_toast(s->toasts, adw_toast_new(markup));
}

GtkWindow *sheet_window(struct sheet *s)
{
        return s->window;
}

void sheet_close(struct sheet *s)
{
        gtk_window_destroy(s->window);
}

void sheets_close(GtkWindow *parent)
{
        g_autoptr(GList) all = gtk_window_list_toplevels();

        for (GList *l = all; l; l = l->next)
                if (GTK_IS_WINDOW(l->data) && gtk_window_get_transient_for(l->data) == parent)
                        gtk_window_destroy(l->data);
}
