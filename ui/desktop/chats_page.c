/* What a person sees who is logged in. */
#include "ui/desktop/chats_page.h"

#include <string.h>

#include "ui/client/account.h"
#include "ui/client/calls.h"
#include "ui/client/contacts.h"
#include "ui/desktop/conversation_list.h"
#include "ui/desktop/conversation_view.h"
#include "ui/desktop/link_banner.h"
#include "ui/desktop/new_conversation.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/safety_page.h"

struct chats_page {
        const struct chats_page_events *events;
        void *userdata;
        GtkWidget *root;
        AdwLeaflet *leaflet;
        AdwHeaderBar *list_header;
        AdwWindowTitle *title;
        GtkStack *list_stack;    /* loading, empty, list */
        GtkStack *content_stack; /* none, conversation, new */
        struct notice *notice;
        struct conversation_list *list;
        struct conversation_view *view;
        struct new_conversation *new;
        struct safety_page *safety;
        struct link_banner *banner;

        sd_bus *bus;
        struct account *account;
        struct calls calls;
        bool asking; /* ListConversations is under way */
        bool stale;  /* … and something has changed since */
        bool wished; /* the person has asked for the lock */
};

/* The list. */

static void ask(struct chats_page *p);

static void on_contacts(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct chats_page *p = userdata;

        if (error)
                return; /* the list of conversations says what is wrong */
        conversation_list_mark(p->list, list, n);
        conversation_view_mark(p->view, list, n);
}

static void on_conversations(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct chats_page *p = userdata;

        p->asking = false;
        if (error) {
                notice_show_error(p->notice, error);
                return;
        }
        notice_hide(p->notice);
        conversation_list_set(p->list, list, n);
        conversation_list_select(p->list, conversation_view_id(p->view));
        part_show_page(p->list_stack, n > 0 ? "list" : "empty");
        (void) contacts_list(p->account, &p->calls, on_contacts, p);
        if (p->stale)
                ask(p);
}

static void ask(struct chats_page *p)
{
        p->stale = p->asking;
        if (!p->asking)
                p->asking = account_conversations(p->account, &p->calls, on_conversations, p) >= 0;
}

/* The open conversation. */

static void open_conversation(const char *id, const char *address, void *userdata)
{
        struct chats_page *p = userdata;

        safety_page_stop(p->safety);
        part_show_page(p->content_stack, "conversation");
        adw_leaflet_navigate(p->leaflet, ADW_NAVIGATION_DIRECTION_FORWARD);
        conversation_view_open(p->view, p->account, id, address);
        conversation_list_select(p->list, id);
        new_conversation_stop(p->new); /* last: the strings may be its own */
        ask(p);
}

static const struct conversation_list_events list_events = { .chosen = open_conversation };

static void on_back(void *userdata)
{
        chats_page_back(userdata);
}

static void on_read(void *userdata)
{
        ask(userdata);
}

static void on_safety(const char *address, enum trust trust, void *userdata)
{
        struct chats_page *p = userdata;

        safety_page_start(p->safety, p->account, address, trust);
        part_show_page(p->content_stack, "safety");
}

static const struct conversation_view_events view_events = { .back = on_back, .read = on_read, .safety = on_safety };

static void leave_safety(void *userdata)
{
        struct chats_page *p = userdata;

        safety_page_stop(p->safety);
        part_show_page(p->content_stack, "conversation");
        conversation_view_looked_at(p->view);
}

static void on_trust_changed(void *userdata)
{
        leave_safety(userdata);
        ask(userdata);
}

static const struct safety_page_events safety_events = { .back = leave_safety, .changed = on_trust_changed };

void chats_page_back(struct chats_page *p)
{
        if (!p->account)
                return;
        if (safety_page_is_open(p->safety)) {
                leave_safety(p);
                return;
        }
        adw_leaflet_navigate(p->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
        part_show_page(p->content_stack, "none");
        conversation_view_close(p->view);
        new_conversation_stop(p->new);
        conversation_list_select(p->list, NULL);
}

static void on_folded(struct chats_page *p)
{
        bool folded = adw_leaflet_get_folded(p->leaflet);

        conversation_view_set_folded(p->view, folded);
        adw_header_bar_set_show_end_title_buttons(p->list_header, folded);
}

static const struct new_conversation_events new_events = { .opened = open_conversation, .cancelled = on_back };

void chats_page_new_conversation(struct chats_page *p)
{
        if (!p->account)
                return;
        safety_page_stop(p->safety);
        conversation_view_close(p->view);
        conversation_list_select(p->list, NULL);
        part_show_page(p->content_stack, "new");
        adw_leaflet_navigate(p->leaflet, ADW_NAVIGATION_DIRECTION_FORWARD);
        new_conversation_start(p->new, p->account);
}

/* The account. */

static void on_ready(struct account *a, void *userdata)
{
        struct chats_page *p = userdata;
        const char *address = account_address(a);
        g_autofree char *name = g_strndup(address, strcspn(address, "@"));
        g_autofree char *whole = g_strndup(address, strcspn(address, "#"));

        adw_window_title_set_title(p->title, name);
        adw_window_title_set_subtitle(p->title, whole);
        link_banner_follow(p->banner, p->bus, account_id(a));
        ask(p);
        p->events->ready(a, p->userdata);
}

static void on_added(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        struct chats_page *p = userdata;

        conversation_view_added(p->view, conversation);
        ask(p);
}

static void on_changed(struct account *a, const char *conversation, uint64_t message, const char *state, void *userdata)
{
        struct chats_page *p = userdata;

        conversation_view_changed(p->view, conversation, message, state);
}

static void on_locked(struct account *a, void *userdata)
{
        struct chats_page *p = userdata;
        bool wished = p->wished;

        chats_page_stop(p);
        p->events->locked(wished, p->userdata);
}

static const struct account_events account_events = {
        .ready = on_ready, .message_added = on_added, .message_changed = on_changed, .locked = on_locked
};

static void on_lock_done(const sd_bus_error *error, void *userdata)
{
        struct chats_page *p = userdata;

        if (!error)
                return; /* the account says it itself */
        p->wished = false;
        notice_show_error(p->notice, error);
}

void chats_page_lock(struct chats_page *p)
{
        if (p->account)
                p->wished = account_lock(p->account, &p->calls, on_lock_done, p) >= 0;
}

int chats_page_start(struct chats_page *p, sd_bus *bus, const char *path)
{
        chats_page_stop(p);
        p->bus = sd_bus_ref(bus);
        part_show_page(p->list_stack, "loading");
        return account_open(bus, path, &account_events, p, &p->account);
}

void chats_page_stop(struct chats_page *p)
{
        calls_cancel(&p->calls);
        link_banner_stop(p->banner);
        safety_page_stop(p->safety);
        conversation_view_close(p->view);
        new_conversation_stop(p->new);
        conversation_list_set(p->list, NULL, 0);
        notice_hide(p->notice);
        adw_window_title_set_title(p->title, "");
        adw_window_title_set_subtitle(p->title, "");
        part_show_page(p->content_stack, "none");
        adw_leaflet_navigate(p->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
        p->asking = p->stale = p->wished = false;
        p->account = account_free(p->account);
        p->bus = sd_bus_unref(p->bus);
}

void chats_page_looked_at(struct chats_page *p)
{
        if (!p->account)
                return;
        conversation_view_looked_at(p->view);
        ask(p);
}

void chats_page_show(struct chats_page *p, const char *conversation)
{
        if (p->account)
                conversation_list_choose(p->list, conversation);
}

bool chats_page_is_watched(const struct chats_page *p, const char *conversation)
{
        GtkRoot *window = gtk_widget_get_root(p->root);

        return g_strcmp0(conversation_view_id(p->view), conversation) == 0 && GTK_IS_WINDOW(window) &&
               gtk_window_is_active(GTK_WINDOW(window));
}

/* Life. */

static void release(gpointer userdata)
{
        struct chats_page *p = userdata;

        calls_cancel(&p->calls);
        account_free(p->account);
        sd_bus_unref(p->bus);
        g_free(p);
}

struct chats_page *chats_page_new(GtkStack *parent, const char *name, const struct chats_page_events *events,
                                  void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "chats-page.ui");
        struct chats_page *p = g_new0(struct chats_page, 1);

        p->events = events;
        p->userdata = userdata;
        p->root = part(builder, "root");
        p->leaflet = ADW_LEAFLET(part(builder, "leaflet"));
        p->list_header = ADW_HEADER_BAR(part(builder, "list_header"));
        p->title = ADW_WINDOW_TITLE(part(builder, "title"));
        p->list_stack = GTK_STACK(part(builder, "list_stack"));
        p->content_stack = GTK_STACK(part(builder, "content_stack"));
        p->notice = notice_new(GTK_BOX(part(builder, "notice")));
        p->list = conversation_list_new(GTK_LIST_BOX(part(builder, "list")), &list_events, p);
        p->view = conversation_view_new(p->content_stack, "conversation", &view_events, p);
        p->new = new_conversation_new(p->content_stack, "new", &new_events, p);
        p->safety = safety_page_new(p->content_stack, "safety", &safety_events, p);
        p->banner = link_banner_new(GTK_BOX(p->root));
        g_signal_connect_swapped(p->leaflet, "notify::folded", G_CALLBACK(on_folded), p);
        on_folded(p);
        g_object_set_data_full(G_OBJECT(p->root), "chats-page", p, release);
        gtk_stack_add_named(parent, p->root, name);
        return p;
}
