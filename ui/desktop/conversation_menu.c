/* See conversation_menu.h. */
#include "ui/desktop/conversation_menu.h"

#include <adwaita.h>
#include <inttypes.h>
#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/date_choice.h"
#include "ui/desktop/history_export.h"
#include "ui/desktop/parts.h"

struct conversation_menu {
        const struct conversation_menu_events *events;
        void *userdata;
        GtkWidget *widget;
        GSimpleActionGroup *actions;
        struct calls calls;
        struct account *account; /* NULL: no conversation is open */
        const char *conversation, *title;
};

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct conversation_menu *m = userdata;

        if (error)
                m->events->failed(error, m->userdata);
}

/* What is set. cryptod says when it stands, and then it is shown. */

static void on_mute(GSimpleAction *action, GVariant *seconds, gpointer userdata)
{
        struct conversation_menu *m = userdata;
        gint64 span = g_ascii_strtoll(g_variant_get_string(seconds, NULL), NULL, 10);
        uint64_t until = span < 0 ? UINT64_MAX : span == 0 ? 0 : (uint64_t) (g_get_real_time() / G_USEC_PER_SEC + span);

        (void) account_call(m->account, &m->calls, CRYPTO_MESSAGES, "SetMuted", on_done, m, "st", m->conversation,
                            until);
}

static void on_disappear(GSimpleAction *action, GVariant *seconds, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        (void) account_call(m->account, &m->calls, CRYPTO_MESSAGES, "SetDisappearing", on_done, m, "su",
                            m->conversation,
                            (uint32_t) g_ascii_strtoull(g_variant_get_string(seconds, NULL), NULL, 10));
}

static void set_flag(struct conversation_menu *m, const char *method, GSimpleAction *action)
{
        g_autoptr(GVariant) state = g_action_get_state(G_ACTION(action));

        (void) account_call(m->account, &m->calls, CRYPTO_MESSAGES, method, on_done, m, "sb", m->conversation,
                            (int) !g_variant_get_boolean(state));
}

static void on_archive(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        set_flag(userdata, "SetArchived", action);
}

static void on_receipts(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        set_flag(userdata, "SetReceipts", action);
}

static void on_unread(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        (void) account_call(m->account, &m->calls, CRYPTO_MESSAGES, "MarkUnread", on_done, m, "s", m->conversation);
}

/* What is done. */

static void on_search(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        m->events->search(m->userdata);
}

static void on_day(uint64_t time, void *userdata)
{
        struct conversation_menu *m = userdata;

        if (m->account)
                m->events->jump_to(time, m->userdata);
}

static void on_date(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        date_choice_ask(m->widget, on_day, m);
}

static void on_export(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        history_export_ask(m->widget, m->account, m->conversation, m->title);
}

static void on_cleared(const sd_bus_error *error, void *userdata)
{
        struct conversation_menu *m = userdata;

        on_done(error, m);
        if (!error)
                m->events->cleared(m->userdata);
}

static void on_clear_answer(AdwMessageDialog *dialog, const char *answer, gpointer userdata)
{
        struct conversation_menu *m = userdata;

        if (m->account && strcmp(answer, "clear") == 0)
                (void) account_call(m->account, &m->calls, "im.visavis.Crypto1.History", "Clear", on_cleared, m, "s",
                                    m->conversation);
}

static void on_clear(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct conversation_menu *m = userdata;
        GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(gtk_widget_get_root(m->widget)), "Clear the History?",
                                                   "All that was said in this conversation is erased from this "
                                                   "machine, for good. The others keep theirs.");

        adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", "_Cancel", "clear", "C_lear", NULL);
        adw_message_dialog_set_response_appearance(ADW_MESSAGE_DIALOG(dialog), "clear", ADW_RESPONSE_DESTRUCTIVE);
        adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
        g_signal_connect(dialog, "response", G_CALLBACK(on_clear_answer), m);
        part_ask(dialog);
}

static const GActionEntry entries[] = {
        { .name = "search", .activate = on_search },
        { .name = "date", .activate = on_date },
        { .name = "mark-unread", .activate = on_unread },
        { .name = "mute", .activate = on_mute, .parameter_type = "s", .state = "'0'" },
        { .name = "disappear", .activate = on_disappear, .parameter_type = "s", .state = "'0'" },
        { .name = "archive", .activate = on_archive, .state = "false" },
        { .name = "receipts", .activate = on_receipts, .state = "true" },
        { .name = "export", .activate = on_export },
        { .name = "clear", .activate = on_clear },
};

static void set_state(struct conversation_menu *m, const char *action, GVariant *state)
{
        g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(m->actions), action)), state);
}

void conversation_menu_set(struct conversation_menu *m, const struct description *d)
{
        bool muted = d->muted_until > (uint64_t) (g_get_real_time() / G_USEC_PER_SEC);
        g_autofree char *span = g_strdup_printf("%" PRIu64, d->disappearing);

        set_state(m, "mute", g_variant_new_string(d->muted_until == UINT64_MAX ? "-1" : muted ? "some" : "0"));
        set_state(m, "disappear", g_variant_new_string(span));
        set_state(m, "archive", g_variant_new_boolean(d->archived));
        set_state(m, "receipts", g_variant_new_boolean(d->receipts));
}

void conversation_menu_open(struct conversation_menu *m, struct account *a, const char *conversation, const char *title)
{
        m->account = a;
        m->conversation = conversation;
        m->title = title;
        gtk_widget_insert_action_group(m->widget, "conversation", G_ACTION_GROUP(m->actions));
}

void conversation_menu_close(struct conversation_menu *m)
{
        calls_cancel(&m->calls);
        m->account = NULL;
        gtk_widget_insert_action_group(m->widget, "conversation", NULL);
}

static void release(gpointer userdata)
{
        struct conversation_menu *m = userdata;

        calls_cancel(&m->calls);
        g_object_unref(m->actions);
        g_free(m);
}

struct conversation_menu *conversation_menu_new(GtkMenuButton *button, GtkWidget *widget,
                                                const struct conversation_menu_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "conversation-menu.ui");
        struct conversation_menu *m = g_new0(struct conversation_menu, 1);

        m->events = events;
        m->userdata = userdata;
        m->widget = widget;
        m->actions = g_simple_action_group_new();
        g_action_map_add_action_entries(G_ACTION_MAP(m->actions), entries, G_N_ELEMENTS(entries), m);
        gtk_menu_button_set_menu_model(button, G_MENU_MODEL(gtk_builder_get_object(builder, "menu")));
        g_object_set_data_full(G_OBJECT(widget), "conversation-menu", m, release);
        return m;
}
