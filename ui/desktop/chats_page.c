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
#include "ui/desktop/people.h"
#include "ui/desktop/safety_page.h"
#include "ui/desktop/search_results.h"

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
        struct people *people;
        GtkEditable *search;
        GtkWidget *archive; /* the button that shows those that are archived, or the others again */
        GtkImage *archive_icon;
        GtkLabel *archive_label;
        struct conversation_list *list;
        struct search_results *results;
        GtkWidget *found, *found_title;
        struct conversation_view *view;
        struct new_conversation *new;
        struct safety_page *safety;
        struct link_banner *banner;

        sd_bus *bus;
        struct account *account;
        struct transfers *transfers;
        struct calls calls;
        bool asking;                                        /* ListConversations is under way */
        bool listed;                                        /* the list has come */
        bool stale;                                         /* … and something has changed since */
        bool wished;                                        /* the person has asked for the lock */
        bool archived;                                      /* those that are archived are shown */
        unsigned count, shown, archived_count, found_count; /* conversations; messages that were found */
};

/* The list. */

static void ask(struct chats_page *p);

static void show_list(struct chats_page *p)
{
        bool searching = *gtk_editable_get_text(p->search);
        g_autofree char *archived = g_strdup_printf("Archived (%u)", p->archived_count);

        if (p->archived && p->archived_count == 0 && p->count > 0) {
                p->archived = false;
                conversation_list_show_archived(p->list, false); /* which comes back here */
                return;
        }
        gtk_label_set_text(p->archive_label, p->archived ? "All Conversations" : archived);
        gtk_image_set_from_icon_name(p->archive_icon, p->archived ? "go-previous-symbolic" : "folder-symbolic");
        part_name(p->archive, p->archived ? "All Conversations" : archived);
        gtk_widget_set_visible(p->archive, !searching && (p->archived || p->archived_count > 0));
        gtk_widget_set_visible(p->found, searching && p->found_count > 0);
        gtk_widget_set_visible(p->found_title, searching && p->found_count > 0);
        gtk_widget_set_visible(GTK_WIDGET(p->search), p->count > 0);
        part_show_page(p->list_stack, p->count == 0                                       ? "empty"
                                      : searching && p->shown == 0 && p->found_count == 0 ? "nothing"
                                                                                          : "list");
}

static void on_counted(unsigned archived, unsigned shown, void *userdata)
{
        struct chats_page *p = userdata;

        p->archived_count = archived;
        p->shown = shown;
        if (p->account && p->listed)
                show_list(p);
}

static void on_found_counted(unsigned n, void *userdata)
{
        struct chats_page *p = userdata;

        p->found_count = n;
        if (p->account && p->listed)
                show_list(p);
}

static void on_archive(struct chats_page *p)
{
        p->archived = !p->archived;
        conversation_list_show_archived(p->list, p->archived);
}

static void on_search(struct chats_page *p)
{
        const char *words = gtk_editable_get_text(p->search);

        if (!p->account)
                return;
        conversation_list_filter(p->list, words);
        search_results_find(p->results, p->account, words);
}

static void on_search_stopped(struct chats_page *p)
{
        gtk_editable_set_text(p->search, "");
}

static void on_contacts(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct chats_page *p = userdata;

        if (error)
                return; /* the list of conversations says what is wrong */
        people_set(p->people, list, n);
        conversation_list_mark(p->list);
        conversation_view_mark(p->view);
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
        p->count = (unsigned) n;
        p->listed = true;
        conversation_list_set(p->list, p->account, list, n);
        conversation_list_select(p->list, conversation_view_id(p->view));
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

static const struct conversation_list_events list_events = { .chosen = open_conversation, .counted = on_counted };

static const char *address_of(const char *conversation, void *userdata)
{
        return conversation_list_address(((struct chats_page *) userdata)->list, conversation);
}

static void on_found(const char *conversation, uint64_t message, void *userdata)
{
        struct chats_page *p = userdata;

        open_conversation(conversation, address_of(conversation, p), p);
        conversation_view_jump(p->view, message);
}

static const struct search_results_events results_events = { .address = address_of,
                                                             .chosen = on_found,
                                                             .counted = on_found_counted };

void chats_page_search(struct chats_page *p)
{
        if (p->account && conversation_view_id(p->view) && !safety_page_is_open(p->safety))
                conversation_view_search(p->view);
        else if (p->account)
                gtk_widget_grab_focus(GTK_WIDGET(p->search));
}

static void on_back(void *userdata)
{
        chats_page_back(userdata);
}

static void on_read(void *userdata)
{
        ask(userdata);
}

static void on_gone(void *userdata)
{
        chats_page_back(userdata);
        ask(userdata);
}

static void on_safety(const char *address, enum trust trust, void *userdata)
{
        struct chats_page *p = userdata;

        safety_page_start(p->safety, p->account, address, trust);
        part_show_page(p->content_stack, "safety");
}

static const struct conversation_view_events view_events = {
        .back = on_back, .read = on_read, .safety = on_safety, .gone = on_gone
};

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
        if (conversation_view_back(p->view))
                return;
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

static void on_transfers(struct transfers *t, void *userdata)
{
        conversation_view_set_transfers(((struct chats_page *) userdata)->view, t);
}

static const struct transfers_events transfers_events = { .changed = on_transfers };

static void on_ready(struct account *a, void *userdata)
{
        struct chats_page *p = userdata;
        const char *address = account_address(a);
        g_autofree char *name = g_strndup(address, strcspn(address, "@"));
        g_autofree char *whole = g_strndup(address, strcspn(address, "#"));

        adw_window_title_set_title(p->title, name);
        adw_window_title_set_subtitle(p->title, whole);
        link_banner_follow(p->banner, p->bus, account_id(a));
        if (transfers_open(a, &transfers_events, p, &p->transfers) >= 0)
                conversation_view_set_transfers(p->view, p->transfers);
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

        conversation_view_state(p->view, conversation, message, state);
}

static void on_edited(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        struct chats_page *p = userdata;

        conversation_view_edited(p->view, conversation, message);
        ask(p);
}

static void on_erased(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        struct chats_page *p = userdata;

        conversation_view_erased(p->view, conversation, message);
        ask(p);
}

static void on_typing(struct account *a, const char *conversation, const char *who, bool typing, void *userdata)
{
        conversation_view_typing(((struct chats_page *) userdata)->view, conversation, who, typing);
}

static void on_set(struct account *a, const char *conversation, void *userdata)
{
        struct chats_page *p = userdata;

        conversation_list_changed(p->list, conversation);
        conversation_view_changed(p->view, conversation);
}

static void on_locked(struct account *a, void *userdata)
{
        struct chats_page *p = userdata;
        bool wished = p->wished;

        chats_page_stop(p);
        p->events->locked(wished, p->userdata);
}

static const struct account_events account_events = {
        .ready = on_ready,
        .message_added = on_added,
        .message_changed = on_changed,
        .message_edited = on_edited,
        .message_erased = on_erased,
        .typing = on_typing,
        .conversation_changed = on_set,
        .locked = on_locked,
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
        conversation_view_set_transfers(p->view, NULL);
        p->transfers = transfers_free(p->transfers);
        new_conversation_stop(p->new);
        p->listed = p->archived = false;
        p->count = 0;
        gtk_editable_set_text(p->search, "");
        search_results_clear(p->results);
        conversation_list_filter(p->list, "");
        conversation_list_show_archived(p->list, false);
        conversation_list_clear(p->list);
        people_set(p->people, NULL, 0);
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

void chats_page_open(struct chats_page *p, const char *conversation, const char *address, enum trust safety)
{
        if (!p->account)
                return;
        open_conversation(conversation, address, p);
        if (safety != TRUST_NONE)
                on_safety(address, safety, p);
}

void chats_page_show(struct chats_page *p, const char *conversation)
{
        if (p->account)
                conversation_list_choose(p->list, conversation);
}

const char *chats_page_conversation(const struct chats_page *p, const char **address)
{
        *address = conversation_view_address(p->view);
        return conversation_view_id(p->view);
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
        transfers_free(p->transfers);
        account_free(p->account);
        sd_bus_unref(p->bus);
        people_free(p->people);
        g_free(p);
}

static void make_list(struct chats_page *p, GtkBuilder *builder)
{
        p->search = GTK_EDITABLE(part(builder, "search"));
        p->archive = part(builder, "archive");
        p->archive_icon = GTK_IMAGE(part(builder, "archive_icon"));
        p->archive_label = GTK_LABEL(part(builder, "archive_label"));
        p->found = part(builder, "found");
        p->found_title = part(builder, "found_title");
        p->list = conversation_list_new(GTK_LIST_BOX(part(builder, "list")), p->people, &list_events, p);
        p->results = search_results_new(GTK_LIST_BOX(p->found), p->people, &results_events, p);
        g_signal_connect_swapped(p->archive, "clicked", G_CALLBACK(on_archive), p);
        g_signal_connect_swapped(p->search, "search-changed", G_CALLBACK(on_search), p);
        g_signal_connect_swapped(p->search, "stop-search", G_CALLBACK(on_search_stopped), p);
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
        p->people = people_new();
        make_list(p, builder);
        p->view = conversation_view_new(p->content_stack, "conversation", p->people, &view_events, p);
        p->new = new_conversation_new(p->content_stack, "new", &new_events, p);
        p->safety = safety_page_new(p->content_stack, "safety", &safety_events, p);
        p->banner = link_banner_new(GTK_BOX(p->root));
        g_signal_connect_swapped(p->leaflet, "notify::folded", G_CALLBACK(on_folded), p);
        on_folded(p);
        g_object_set_data_full(G_OBJECT(p->root), "chats-page", p, release);
        gtk_stack_add_named(parent, p->root, name);
        return p;
}
