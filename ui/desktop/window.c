/* The window. */
#include "ui/desktop/window.h"

#include <string.h>

#include "ui/client/accounts.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/desktop/bus_source.h"
#include "ui/desktop/chats_page.h"
#include "ui/desktop/contacts_window.h"
#include "ui/desktop/group_window.h"
#include "ui/desktop/log_in_page.h"
#include "ui/desktop/new_group_window.h"
#include "ui/desktop/notifier.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/preferences_window.h"
#include "ui/desktop/sheet.h"
#include "ui/desktop/sign_up_page.h"
#include "ui/desktop/waiting.h"

struct window {
        GtkWindow *window;
        GtkStack *pages;
        AdwStatusPage *unreachable;
        struct log_in_page *log_in;
        struct sign_up_page *sign_up;
        struct chats_page *chats;
        struct account *account;   /* the page's, while it can be used */
        struct notifier *notifier; /* while an account is unlocked */
        struct waiting *waiting;   /* while none is */

        char *bus_address;
        sd_bus *bus;
        GSource *source;
        sd_bus_slot *lost_slot;
        struct calls calls;
        char *last; /* the path of the account that was unlocked last */
        struct {
                const char *icon, *title, *text;
        } news; /* said on the log-in page when it comes; title NULL: nothing */
};

static void show(struct window *w, const char *page)
{
        static const struct {
                const char *action, *page;
        } needed[] = { { "lock", "chats" },
                       { "new-conversation", "chats" },
                       { "show-conversation", "chats" },
                       { "contacts", "chats" },
                       { "details", "chats" },
                       { "new-group", "chats" },
                       { "preferences", "chats" },
                       { "search", "chats" } };

        part_show_page(w->pages, page);
        for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
                GAction *a = g_action_map_lookup_action(G_ACTION_MAP(w->window), needed[i].action);
                g_simple_action_set_enabled(G_SIMPLE_ACTION(a), strcmp(needed[i].page, page) == 0);
        }
}

static void forget_account(struct window *w)
{
        w->account = NULL;
        notifier_stop(w->notifier);
        sheets_close(w->window);
}

static void stop_pages(struct window *w)
{
        calls_cancel(&w->calls);
        forget_account(w);
        waiting_stop(w->waiting);
        log_in_page_stop(w->log_in);
        sign_up_page_stop(w->sign_up);
        chats_page_stop(w->chats);
}

static void disconnect(struct window *w)
{
        w->lost_slot = sd_bus_slot_unref(w->lost_slot);
        w->source = bus_source_free(w->source);
        w->bus = client_disconnect(w->bus);
}

static void show_unreachable(struct window *w, const char *sentence)
{
        g_autofree char *markup = g_markup_escape_text(sentence, -1);

        stop_pages(w);
        adw_status_page_set_description(w->unreachable, markup);
        show(w, "unreachable");
}

/* The accounts decide which page comes. */

/* Those that can be opened: the end of the others has begun. */
static struct account_entry *usable(const struct account_entry *list, size_t *n)
{
        struct account_entry *out = g_new(struct account_entry, *n);
        size_t kept = 0;

        for (size_t i = 0; i < *n; i++)
                if (!list[i].destroyed)
                        out[kept++] = list[i];
        *n = kept;
        return out;
}

static void on_accounts(const struct account_entry *all, size_t n, const sd_bus_error *error, void *userdata)
{
        struct window *w = userdata;
        g_autofree struct account_entry *list = usable(all, &n);

        if (error) {
                show_unreachable(w, client_error_text(error));
        } else if (n == 0) {
                sign_up_page_start(w->sign_up, w->bus, false);
                show(w, "sign-up");
        } else {
                show(w, "log-in");
                log_in_page_start(w->log_in, w->bus, list, n, w->last);
                waiting_follow(w->waiting, w->bus, list, n);
                if (w->news.title)
                        log_in_page_say(w->log_in, w->news.icon, w->news.title, w->news.text);
        }
        w->news.title = NULL;
}

static void ask_accounts(struct window *w)
{
        show(w, "starting");
        if (accounts_list(w->bus, &w->calls, on_accounts, w) < 0)
                show_unreachable(w, "The message bus does not take calls. Try again.");
}

/* The connection. */

static int on_lost(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        show_unreachable(userdata,
                         "The message bus closed the connection, and every account is locked. Try again when it "
                         "is back.");
        return 0;
}

static void connect_bus(struct window *w)
{
        int r;

        disconnect(w);
        show(w, "starting");
        r = client_connect(w->bus_address, &w->bus);
        if (r >= 0)
                r = client_watch_connection(w->bus, on_lost, w, &w->lost_slot);
        if (r < 0) {
                g_autofree char *text = g_strdup_printf(
                        "The message bus could not be reached: %s. See that D-Bus runs.", g_strerror(-r));
                show_unreachable(w, text);
                return;
        }
        w->source = bus_source_new(w->bus);
        ask_accounts(w);
}

/* What the pages tell. */

static void enter(struct window *w, const char *path)
{
        g_autofree char *copy = g_strdup(path);

        log_in_page_stop(w->log_in);
        sign_up_page_stop(w->sign_up);
        waiting_stop(w->waiting);
        g_free(w->last);
        w->last = g_steal_pointer(&copy);
        if (chats_page_start(w->chats, w->bus, w->last) < 0)
                show_unreachable(w, "The account was unlocked, but cryptod could not be called. Try again.");
        else
                show(w, "chats");
}

static void on_unlocked(const char *path, void *userdata)
{
        enter(userdata, path);
}

static void on_want_sign_up(void *userdata)
{
        struct window *w = userdata;

        log_in_page_stop(w->log_in);
        sign_up_page_start(w->sign_up, w->bus, true);
        show(w, "sign-up");
}

static void on_left(void *userdata)
{
        struct window *w = userdata;

        sign_up_page_stop(w->sign_up);
        ask_accounts(w);
}

static void on_locked(bool wished, void *userdata)
{
        struct window *w = userdata;

        forget_account(w);
        if (!wished) {
                w->news.icon = "system-lock-screen-symbolic";
                w->news.title = "Locked";
                w->news.text = "Another program or the computer has locked the account. New messages wait for the next "
                               "log-in.";
        }
        if (sd_bus_is_open(w->bus) > 0)
                ask_accounts(w);
}

static void on_ready(struct account *a, void *userdata)
{
        struct window *w = userdata;

        w->account = a;
        notifier_follow(w->notifier, a);
}

static bool is_watched(const char *conversation, void *userdata)
{
        struct window *w = userdata;

        return chats_page_is_watched(w->chats, conversation);
}

static const struct log_in_page_events log_in_events = { .unlocked = on_unlocked, .sign_up = on_want_sign_up };
static const struct sign_up_page_events sign_up_events = { .signed_up = on_unlocked, .left = on_left };
static const struct chats_page_events chats_events = { .ready = on_ready, .locked = on_locked };

/* What the keyboard and the menus do. */

static void on_lock(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        chats_page_lock(((struct window *) userdata)->chats);
}

static void on_new_conversation(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        chats_page_new_conversation(((struct window *) userdata)->chats);
}

static void on_show_conversation(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        chats_page_show(((struct window *) userdata)->chats, g_variant_get_string(parameter, NULL));
}

static void on_search(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        chats_page_search(((struct window *) userdata)->chats);
}

static void on_open(const char *conversation, const char *address, enum trust safety, void *userdata)
{
        struct window *w = userdata;

        chats_page_open(w->chats, conversation, address, safety);
}

static const struct contacts_window_events contacts_events = { .opened = on_open };

static void on_contacts(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct window *w = userdata;

        if (w->account)
                contacts_window_open(w->window, w->account, NULL, &contacts_events, w);
}

/* Who is at the other end of the open conversation. */
static void on_details(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct window *w = userdata;
        const char *address, *conversation = chats_page_conversation(w->chats, &address);

        if (!w->account || !conversation)
                return;
        if (strchr(address, '@'))
                contacts_window_open(w->window, w->account, address, &contacts_events, w);
        else
                group_window_open(w->window, w->account, conversation);
}

static void on_group_made(const char *conversation, const char *name, void *userdata)
{
        on_open(conversation, name, TRUST_NONE, userdata);
}

static void on_preferences(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct window *w = userdata;

        if (w->account)
                preferences_window_open(w->window, w->account);
}

static void on_new_group(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct window *w = userdata;

        if (w->account)
                new_group_window_open(w->window, w->account, on_group_made, w);
}

/* Made when it is wanted: GTK 4.8 crashes under a screen reader that asks for the windows while a hidden one is there.
 */
static void on_shortcuts(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "help-overlay.ui");
        GtkWindow *help = GTK_WINDOW(part(builder, "help_overlay"));

        gtk_window_set_transient_for(help, ((struct window *) userdata)->window);
        gtk_window_present(help);
}

static void on_back(GSimpleAction *action, GVariant *parameter, gpointer userdata)
{
        struct window *w = userdata;
        const char *page = gtk_stack_get_visible_child_name(w->pages);

        if (strcmp(page, "chats") == 0)
                chats_page_back(w->chats);
        else if (strcmp(page, "sign-up") == 0)
                sign_up_page_back(w->sign_up);
        else if (strcmp(page, "log-in") == 0)
                log_in_page_back(w->log_in);
}

static const GActionEntry actions[] = {
        { .name = "lock", .activate = on_lock },
        { .name = "new-conversation", .activate = on_new_conversation },
        { .name = "search", .activate = on_search },
        { .name = "back", .activate = on_back },
        { .name = "shortcuts", .activate = on_shortcuts },
        { .name = "contacts", .activate = on_contacts },
        { .name = "details", .activate = on_details },
        { .name = "preferences", .activate = on_preferences },
        { .name = "new-group", .activate = on_new_group },
        { .name = "show-conversation", .activate = on_show_conversation, .parameter_type = "s" },
};

static void set_keys(GtkApplication *app)
{
        static const struct {
                const char *action, *key;
        } keys[] = {
                { "win.lock", "<Control>l" },
                { "win.new-conversation", "<Control>n" },
                { "win.search", "<Control>f" },
                { "win.contacts", "<Control><Shift>c" },
                { "win.new-group", "<Control><Shift>n" },
                { "win.details", "<Control>i" },
                { "win.preferences", "<Control>comma" },
                { "win.back", "Escape" },
                { "win.shortcuts", "<Control>question" },
                { "window.close", "<Control>w" },
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
                gtk_application_set_accels_for_action(app, keys[i].action, (const char *[]){ keys[i].key, NULL });
}

/* Life. */

static void on_active(struct window *w)
{
        if (gtk_window_is_active(w->window))
                chats_page_looked_at(w->chats);
}

static void on_destroy(struct window *w)
{
        stop_pages(w);
        disconnect(w);
        notifier_free(w->notifier);
        waiting_free(w->waiting);
        g_free(w->bus_address);
        g_free(w->last);
        g_free(w);
}

GtkWindow *window_new(GtkApplication *app, const char *bus_address)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "window.ui");
        struct window *w = g_new0(struct window, 1);

        w->window = GTK_WINDOW(part(builder, "window"));
        w->pages = GTK_STACK(part(builder, "pages"));
        w->unreachable = ADW_STATUS_PAGE(part(builder, "unreachable"));
        w->bus_address = g_strdup(bus_address);
        w->log_in = log_in_page_new(w->pages, "log-in", &log_in_events, w);
        w->sign_up = sign_up_page_new(w->pages, "sign-up", &sign_up_events, w);
        w->chats = chats_page_new(w->pages, "chats", &chats_events, w);
        w->notifier = notifier_new(is_watched, w);
        w->waiting = waiting_new();
        g_action_map_add_action_entries(G_ACTION_MAP(w->window), actions, G_N_ELEMENTS(actions), w);
        set_keys(app);
        g_signal_connect_swapped(part(builder, "again"), "clicked", G_CALLBACK(connect_bus), w);
        g_signal_connect_swapped(w->window, "notify::is-active", G_CALLBACK(on_active), w);
        g_signal_connect_swapped(w->window, "destroy", G_CALLBACK(on_destroy), w);
        gtk_window_set_application(w->window, app);
        connect_bus(w);
        return w->window;
}
