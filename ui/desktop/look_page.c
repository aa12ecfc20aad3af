/* Another look. */
#include "ui/desktop/look_page.h"

#include <string.h>

#include "ui/desktop/face_step.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/rows.h"

enum { TICKET_SIZE_MAX = 256 };

struct look_page {
        struct sheet *sheet;
        struct account *account;
        GtkStack *steps;
        AdwPreferencesGroup *group;
        GtkWidget *go;
        struct face_step *camera;
        uint8_t ticket[TICKET_SIZE_MAX]; /* of the face as it is known */
        size_t ticket_size;              /* 0: that has not been seen yet */
};

/* -- as it is known, then as it is, too -------------------------------------------------------------------------------
 */

static void ask(struct look_page *p)
{
        bool known = p->ticket_size > 0;

        adw_preferences_group_set_description(
                p->group, known ? "That is you. Now put them on, and go on within half a minute."
                                : "With glasses, for instance. First the camera sees that it is you, as it knows you; "
                                  "then you put them on, and it learns how you look with them.");
        gtk_button_set_label(GTK_BUTTON(p->go), known ? "Go On" : "Show My Face");
        part_show_page(p->steps, "ask");
        gtk_widget_grab_focus(p->go);
}

static void on_seen(const struct attempt_view *view, struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct look_page *p = userdata;
        struct sheet *sheet = p->sheet;

        if (!error && p->ticket_size > 0) {
                sheet_pop(sheet); /* and with it what we are */
                sheet_toast(sheet, "You are known like this, too.");
                return;
        }
        p->ticket_size = error || ticket.size > TICKET_SIZE_MAX ? 0 : ticket.size;
        if (p->ticket_size > 0)
                memcpy(p->ticket, ticket.data, ticket.size);
        ask(p);
        if (error)
                sheet_show_error(sheet, error);
}

static void on_cancelled(void *userdata)
{
        struct look_page *p = userdata;

        p->ticket_size = 0;
        ask(p);
}

static const struct face_step_events events = { .seen = on_seen, .cancelled = on_cancelled };

static void on_go(struct look_page *p)
{
        const struct attempt_request request = { .kind = p->ticket_size > 0 ? ATTEMPT_ADD_LOOK : ATTEMPT_VERIFY,
                                                 .account = account_id(p->account),
                                                 .ticket = BYTES(p->ticket, p->ticket_size) };

        sheet_hide(p->sheet);
        part_show_page(p->steps, "face");
        if (face_step_look(p->camera, account_bus(p->account), &request) < 0)
                on_cancelled(p);
}

void look_page_push(struct sheet *s, struct account *a)
{
        struct look_page *p = g_new0(struct look_page, 1);
        GtkWidget *steps = gtk_stack_new(), *camera = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());

        *p = (struct look_page){ .sheet = s, .account = a, .steps = GTK_STACK(steps) };
        g_object_set_data_full(G_OBJECT(steps), "look-page", p, g_free);
        gtk_stack_set_hhomogeneous(p->steps, false);
        p->group = row_group(page, "Another Look", NULL);
        p->go = gtk_button_new_with_label("");
        gtk_widget_set_halign(p->go, GTK_ALIGN_CENTER);
        gtk_widget_set_margin_top(p->go, 12);
        gtk_widget_add_css_class(p->go, "pill");
        gtk_widget_add_css_class(p->go, "suggested-action");
        adw_preferences_group_add(p->group, p->go);
        gtk_stack_add_named(p->steps, GTK_WIDGET(page), "ask");
        gtk_stack_add_named(p->steps, camera, "face");
        p->camera = face_step_new(GTK_BOX(camera), &events, p);
        g_signal_connect_swapped(p->go, "clicked", G_CALLBACK(on_go), p);
        sheet_push(s, "Another Look", steps);
        ask(p);
}
