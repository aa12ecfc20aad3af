/* See safety_page.h. */
#include "ui/desktop/safety_page.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/contacts.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/qr_view.h"

enum { GROUP = 5, GROUPS_IN_LINE = 4 };

struct safety_page {
        const struct safety_page_events *events;
        void *userdata;
        GtkLabel *explanation, *number;
        GtkWidget *picture, *act;
        struct notice *notice;
        struct account *account; /* NULL: nobody is shown */
        struct calls calls;
        char *address;
        enum trust trust;
        char *digits; /* NULL: not known yet */
};

static void release(gpointer userdata)
{
        struct safety_page *p = userdata;

        calls_cancel(&p->calls);
        g_free(p->address);
        g_free(p->digits);
        g_free(p);
}

/* -- what it shows ------------------------------------------------------------------------------------------------- */

/* In fives, as people read aloud. */
static char *in_groups(const char *digits)
{
        GString *s = g_string_new(NULL);

        for (size_t i = 0; digits[i]; i++) {
                if (i > 0 && i % GROUP == 0)
                        g_string_append_c(s, i % ((size_t) GROUP * GROUPS_IN_LINE) == 0 ? '\n' : ' ');
                g_string_append_c(s, digits[i]);
        }
        return g_string_free(s, FALSE);
}

static void explain(struct safety_page *p)
{
        g_autofree char *name = g_strndup(p->address, strcspn(p->address, "@"));
        g_autofree char *text = g_strdup_printf(
                p->trust == TRUST_CHANGED
                        ? "Somebody with another key than before tried to speak as %s. If they have set up a new "
                          "account, compare this new number with them, in person or on a call where you know the "
                          "voice. If they have not, the hub may be cheating: accept nothing."
                        : "Compare this number with the one that %s sees, in person or on a call where you know the "
                          "voice. If it is the same, nobody stands between you.",
                name);

        gtk_label_set_text(p->explanation, text);
        gtk_button_set_label(GTK_BUTTON(p->act), p->trust == TRUST_CHANGED    ? "Accept the New Key"
                                                 : p->trust == TRUST_VERIFIED ? "Take the Mark Back"
                                                                              : "It Is the Same");
        gtk_widget_set_sensitive(p->act, false);
        gtk_widget_remove_css_class(p->act, p->trust == TRUST_KNOWN ? "destructive-action" : "suggested-action");
        gtk_widget_add_css_class(p->act, p->trust == TRUST_KNOWN ? "suggested-action" : "destructive-action");
}

static void on_number(const char *number, const char *code, const sd_bus_error *error, void *userdata)
{
        struct safety_page *p = userdata;
        g_autofree char *text = in_groups(number);

        if (error) {
                notice_show_error(p->notice, error);
                return;
        }
        p->digits = g_strdup(number);
        gtk_label_set_text(p->number, text);
        qr_view_set(p->picture, code);
        gtk_widget_set_sensitive(p->act, true);
}

/* -- what the person does ------------------------------------------------------------------------------------------ */

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct safety_page *p = userdata;

        if (error) {
                notice_show_error(p->notice, error);
                gtk_widget_set_sensitive(p->act, true);
                return;
        }
        p->events->changed(p->userdata);
}

static void on_act(struct safety_page *p)
{
        int r = p->trust == TRUST_CHANGED
                        ? contacts_accept_key(p->account, &p->calls, p->address, p->digits, on_done, p)
                        : contacts_set_verified(p->account, &p->calls, p->address, p->trust != TRUST_VERIFIED, on_done,
                                                p);

        gtk_widget_set_sensitive(p->act, r < 0);
}

static void on_back(struct safety_page *p)
{
        p->events->back(p->userdata);
}

struct safety_page *safety_page_new(GtkStack *parent, const char *name, const struct safety_page_events *events,
                                    void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "safety-page.ui");
        struct safety_page *p = g_new0(struct safety_page, 1);
        GtkWidget *root = part(builder, "root");

        p->events = events;
        p->userdata = userdata;
        p->explanation = GTK_LABEL(part(builder, "explanation"));
        p->number = GTK_LABEL(part(builder, "number"));
        p->picture = qr_view_new("Code to be scanned from this screen");
        gtk_box_append(GTK_BOX(part(builder, "picture")), p->picture);
        p->act = part(builder, "act");
        p->notice = notice_new(GTK_BOX(part(builder, "notice")));
        g_signal_connect_swapped(p->act, "clicked", G_CALLBACK(on_act), p);
        g_signal_connect_swapped(part(builder, "back"), "clicked", G_CALLBACK(on_back), p);
        g_object_set_data_full(G_OBJECT(root), "safety-page", p, release);
        gtk_stack_add_named(parent, root, name);
        return p;
}

void safety_page_start(struct safety_page *p, struct account *a, const char *address, enum trust trust)
{
        safety_page_stop(p);
        p->account = a;
        p->address = g_strdup(address);
        p->trust = trust;
        explain(p);
        (void) contacts_safety_number(a, &p->calls, address, trust == TRUST_CHANGED, on_number, p);
}

void safety_page_stop(struct safety_page *p)
{
        calls_cancel(&p->calls);
        p->account = NULL;
        g_clear_pointer(&p->address, g_free);
        g_clear_pointer(&p->digits, g_free);
        gtk_label_set_text(p->number, "");
        qr_view_set(p->picture, NULL);
        notice_hide(p->notice);
}

bool safety_page_is_open(const struct safety_page *p)
{
        return p->account != NULL;
}
