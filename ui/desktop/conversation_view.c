/* A conversation. */
#include "ui/desktop/conversation_view.h"

#include <string.h>

#include "services/address.h"
#include "ui/client/calls.h"
#include "ui/desktop/composer.h"
#include "ui/desktop/message_bubble.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/when.h"

/* How many are shown at first, and the most that one ReadMessages answers with. */
enum { FIRST_PAGE = 100, PAGE_MAX = 500, TEXT_SIZE_MAX = 65536 };

/* Messages of one person within five minutes stand closer together. */
static const uint64_t follow_usec = 5 * 60 * G_USEC_PER_SEC;

struct conversation_view {
        const struct conversation_view_events *events;
        void *userdata;
        AdwHeaderBar *header;
        GtkWidget *back;
        AdwAvatar *avatar;
        AdwWindowTitle *title;
        GtkWidget *safety; /* the button that shows the safety number, with a mark and words */
        GtkImage *mark;
        GtkLabel *standing;
        GtkWidget *empty;
        GtkScrolledWindow *scroller;
        GtkBox *messages;
        GtkWidget *earlier;
        struct notice *notice;
        struct composer *composer;

        struct account *account; /* NULL: none is open */
        struct calls calls;
        char id[33];
        char *address; /* of the person, or a group's name */
        enum trust trust;
        uint64_t after; /* the last message shown; 0: none */
        uint64_t seen;  /* the last one that was marked as read */
        uint64_t last_time;
        char *last_sender;
        bool busy;     /* ReadMessages is under way */
        bool more;     /* … and something came since */
        bool at_end;   /* the end is in view, and stays there */
        uint32_t page; /* how many are asked for at first */
        char *sending; /* a text that cryptod has not answered for yet */
};

static bool is_own(const struct conversation_view *v, const char *sender)
{
        struct address mine, theirs;

        return address_parse(account_address(v->account), &mine, NULL) == 0 &&
               address_parse(sender, &theirs, NULL) == 0 && address_equal(&mine, &theirs);
}

static void add_day(struct conversation_view *v, uint64_t time)
{
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        g_autofree char *day = when_day(time, now);
        GtkWidget *label = gtk_label_new(day);

        gtk_widget_add_css_class(label, "day");
        gtk_widget_add_css_class(label, "dim-label");
        gtk_box_append(v->messages, label);
}

static bool is_group(const struct conversation_view *v)
{
        return !strchr(v->address, '@');
}

/* In a group, who it was stands above the first of several in a row. */
static GtkWidget *new_bubble(struct conversation_view *v, const struct message *m, bool follows)
{
        bool own = is_own(v, m->sender);
        GtkWidget *bubble = message_bubble_new(m, own, is_group(v) && !own && !follows ? m->sender : NULL);

        message_bubble_set_follows(message_bubble_of(bubble), follows);
        return bubble;
}

/* What Visavis itself has to say has no sender. */
static GtkWidget *new_remark(const char *text)
{
        GtkWidget *label = gtk_label_new(text);

        gtk_label_set_wrap(GTK_LABEL(label), true);
        gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
        gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
        gtk_widget_add_css_class(label, "remark");
        gtk_widget_add_css_class(label, "dim-label");
        return label;
}

static void add_message(struct conversation_view *v, const struct message *m)
{
        bool same_day = v->after && when_same_day(v->last_time, m->time);
        bool follows = same_day && strcmp(m->sender, v->last_sender) == 0 && m->time - v->last_time < follow_usec;

        if (!same_day)
                add_day(v, m->time);
        gtk_box_append(v->messages, *m->sender ? new_bubble(v, m, follows) : new_remark(m->text));
        v->after = m->id;
        v->last_time = m->time;
        g_free(v->last_sender);
        v->last_sender = g_strdup(m->sender);
}

void conversation_view_looked_at(struct conversation_view *v)
{
        GtkRoot *window = gtk_widget_get_root(GTK_WIDGET(v->messages));

        if (!v->account || v->after == v->seen || !gtk_widget_get_mapped(GTK_WIDGET(v->messages)) ||
            !GTK_IS_WINDOW(window) || !gtk_window_is_active(GTK_WINDOW(window)))
                return;
        v->seen = v->after;
        account_mark_read(v->account, v->id, v->seen);
        v->events->read(v->userdata);
}

static void read_newer(struct conversation_view *v);

static void on_messages(const struct message *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;
        bool first = v->after == 0;

        v->busy = false;
        if (error) {
                notice_show_error(v->notice, error);
                return;
        }
        for (size_t i = 0; i < n; i++)
                add_message(v, &list[i]);
        gtk_widget_set_visible(v->empty, v->after == 0);
        gtk_widget_set_visible(GTK_WIDGET(v->scroller), v->after != 0);
        if (first)
                gtk_widget_set_visible(v->earlier, n == v->page && v->page < PAGE_MAX);
        conversation_view_looked_at(v);
        if (v->more || (!first && n == PAGE_MAX))
                read_newer(v);
}

static void read_newer(struct conversation_view *v)
{
        bool first = v->after == 0;

        v->more = v->busy;
        if (v->busy)
                return;
        v->busy = account_messages(v->account, &v->calls, v->id, v->after, first ? v->page : PAGE_MAX, first,
                                   on_messages, v) >= 0;
}

static void clear_messages(struct conversation_view *v)
{
        GtkWidget *child;

        while ((child = gtk_widget_get_first_child(GTK_WIDGET(v->messages))))
                gtk_box_remove(v->messages, child);
        v->after = 0;
        v->last_time = 0;
}

static void on_earlier(struct conversation_view *v)
{
        calls_cancel(&v->calls);
        v->busy = v->more = false;
        v->at_end = false;
        v->page = PAGE_MAX;
        clear_messages(v);
        read_newer(v);
}

/* Sending. */

static void on_sent(uint64_t id, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error) {
                composer_restore(v->composer, v->sending);
                notice_show_error(v->notice, error);
        } else {
                notice_hide(v->notice);
                read_newer(v);
        }
        g_clear_pointer(&v->sending, g_free);
}

static bool on_send(const char *text, void *userdata)
{
        struct conversation_view *v = userdata;

        if (!v->account || v->sending)
                return false;
        if (strlen(text) > TEXT_SIZE_MAX) {
                notice_show(v->notice, "dialog-warning-symbolic", "Too long",
                            "A message has at most 65536 bytes. Send a long text in parts.");
                return false;
        }
        if (account_send(v->account, &v->calls, v->id, text, on_sent, v) < 0)
                return false;
        v->sending = g_strdup(text);
        v->at_end = true;
        return true;
}

static const struct composer_events composer_events = { .send = on_send };

/* Scrolling: who reads the end goes on reading the end. */

static void on_scrolled(struct conversation_view *v, GtkAdjustment *a)
{
        enum { NEAR_END = 24 }; /* pixels */

        v->at_end =
                gtk_adjustment_get_value(a) + gtk_adjustment_get_page_size(a) + NEAR_END >= gtk_adjustment_get_upper(a);
}

static void on_resized(struct conversation_view *v, GtkAdjustment *a)
{
        if (v->at_end)
                gtk_adjustment_set_value(a, gtk_adjustment_get_upper(a) - gtk_adjustment_get_page_size(a));
}

/* The safety number. */

static void show_trust(struct conversation_view *v, enum trust trust)
{
        v->trust = trust;
        trust_mark_set(v->mark, trust);
        gtk_label_set_text(v->standing, trust == TRUST_VERIFIED  ? "Verified"
                                        : trust == TRUST_CHANGED ? "Another Key"
                                                                 : "Verify");
        gtk_widget_set_visible(v->safety, trust != TRUST_NONE);
}

void conversation_view_mark(struct conversation_view *v, const struct contact *list, size_t n)
{
        if (v->account)
                show_trust(v, trust_of(list, n, v->address));
}

static void on_safety(struct conversation_view *v)
{
        if (v->account)
                v->events->safety(v->address, v->trust, v->userdata);
}

static void on_back(struct conversation_view *v)
{
        v->events->back(v->userdata);
}

static void release(gpointer userdata)
{
        struct conversation_view *v = userdata;

        calls_cancel(&v->calls);
        g_free(v->sending);
        g_free(v->address);
        g_free(v->last_sender);
        g_free(v);
}

struct conversation_view *conversation_view_new(GtkStack *parent, const char *name,
                                                const struct conversation_view_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "conversation-view.ui");
        struct conversation_view *v = g_new0(struct conversation_view, 1);
        GtkWidget *root = part(builder, "root"), *bottom = part(builder, "bottom");

        v->events = events;
        v->userdata = userdata;
        v->header = ADW_HEADER_BAR(part(builder, "header"));
        v->back = part(builder, "back");
        v->avatar = ADW_AVATAR(part(builder, "avatar"));
        v->title = ADW_WINDOW_TITLE(part(builder, "title"));
        v->safety = part(builder, "safety");
        v->mark = GTK_IMAGE(part(builder, "mark"));
        v->standing = GTK_LABEL(part(builder, "standing"));
        v->address = g_strdup("");
        v->last_sender = g_strdup("");
        v->empty = part(builder, "empty");
        v->scroller = GTK_SCROLLED_WINDOW(part(builder, "scroller"));
        v->messages = GTK_BOX(part(builder, "messages"));
        v->earlier = part(builder, "earlier");
        v->notice = notice_new(GTK_BOX(bottom));
        v->composer = composer_new(GTK_BOX(bottom), &composer_events, v);
        GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment(v->scroller);
        g_signal_connect_swapped(adjustment, "value-changed", G_CALLBACK(on_scrolled), v);
        g_signal_connect_swapped(adjustment, "changed", G_CALLBACK(on_resized), v);
        g_signal_connect_swapped(v->back, "clicked", G_CALLBACK(on_back), v);
        g_signal_connect_swapped(v->safety, "clicked", G_CALLBACK(on_safety), v);
        g_signal_connect_swapped(v->earlier, "clicked", G_CALLBACK(on_earlier), v);
        g_object_set_data_full(G_OBJECT(root), "conversation-view", v, release);
        gtk_stack_add_named(parent, root, name);
        return v;
}

void conversation_view_set_folded(struct conversation_view *v, bool folded)
{
        gtk_widget_set_visible(v->back, folded);
        adw_header_bar_set_show_start_title_buttons(v->header, folded);
}

void conversation_view_open(struct conversation_view *v, struct account *a, const char *id, const char *address)
{
        size_t name = strcspn(address, "@"), key = strcspn(address, "#");
        g_autofree char *title = g_strndup(address, name), *subtitle = g_strndup(address, key);

        if (v->account && strcmp(v->id, id) == 0) {
                composer_focus(v->composer);
                return;
        }
        conversation_view_close(v);
        v->account = a;
        g_free(v->address);
        v->address = g_strndup(address, key);
        v->page = FIRST_PAGE;
        v->at_end = true;
        g_strlcpy(v->id, id, sizeof(v->id));
        adw_window_title_set_title(v->title, title);
        adw_window_title_set_subtitle(v->title, is_group(v) ? "" : subtitle);
        adw_avatar_set_text(v->avatar, title);
        read_newer(v);
        composer_focus(v->composer);
}

void conversation_view_close(struct conversation_view *v)
{
        calls_cancel(&v->calls);
        show_trust(v, TRUST_NONE);
        v->account = NULL;
        v->busy = v->more = false;
        v->seen = 0;
        v->id[0] = '\0';
        g_clear_pointer(&v->sending, g_free);
        clear_messages(v);
        composer_clear(v->composer);
        notice_hide(v->notice);
        gtk_widget_set_visible(v->earlier, false);
        gtk_widget_set_visible(v->empty, false);
        gtk_widget_set_visible(GTK_WIDGET(v->scroller), true);
}

const char *conversation_view_id(const struct conversation_view *v)
{
        return v->account ? v->id : NULL;
}

void conversation_view_added(struct conversation_view *v, const char *conversation)
{
        if (v->account && strcmp(v->id, conversation) == 0)
                read_newer(v);
}

void conversation_view_changed(struct conversation_view *v, const char *conversation, uint64_t message,
                               const char *state)
{
        if (!v->account || strcmp(v->id, conversation) != 0)
                return;
        for (GtkWidget *w = gtk_widget_get_last_child(GTK_WIDGET(v->messages)); w; w = gtk_widget_get_prev_sibling(w)) {
                struct message_bubble *b = message_bubble_of(w);

                if (b && message_bubble_id(b) == message)
                        message_bubble_set_state(b, state);
        }
}
