/* See conversation_view.h. */
#include "ui/desktop/conversation_view.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/description.h"
#include "ui/desktop/attachments.h"
#include "ui/desktop/composer.h"
#include "ui/desktop/conversation_menu.h"
#include "ui/desktop/conversation_search.h"
#include "ui/desktop/draft.h"
#include "ui/desktop/file_saving.h"
#include "ui/desktop/mention_list.h"
#include "ui/desktop/message_acts.h"
#include "ui/desktop/notice.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/pinned_bar.h"
#include "ui/desktop/request_bar.h"
#include "ui/desktop/timeline.h"
#include "ui/desktop/transfer_list.h"
#include "ui/desktop/trust_mark.h"
#include "ui/desktop/typing_line.h"

enum {
        TYPING_SECONDS = 4, /* the others are told at most so often */
        MENTIONS_MAX = 64,  /* as many as a message has */
};

struct conversation_view {
        const struct conversation_view_events *events;
        void *userdata;
        const struct people *people;
        GtkWidget *root;
        AdwHeaderBar *header;
        GtkWidget *back;
        AdwAvatar *avatar;
        AdwWindowTitle *title;
        GtkWidget *safety; /* the button that shows the safety number, with a mark and words */
        GtkImage *mark;
        GtkLabel *standing;
        GtkWidget *empty;
        GtkScrolledWindow *scroller;
        GtkWidget *to_end;
        struct notice *notice;
        struct composer *composer;
        struct draft *draft;
        struct mention_list *mentions;
        struct timeline *timeline;
        struct pinned_bar *pinned;
        struct typing_line *typing;
        struct transfer_list *transfer_list;
        struct attachments *attachments;
        struct file_saving *saving;
        struct request_bar *request;
        struct conversation_menu *menu;
        struct conversation_search *search;
        struct message_bubble_style style;

        const struct transfers *transfers; /* of the account that is there; NULL: none */
        struct account *account;           /* NULL: none is open */
        struct calls calls;
        char id[33];
        char *address; /* of the person, or a group's name */
        bool person;
        bool described;      /* the timeline is open */
        uint64_t last, seen; /* the newest message that is shown, and that was marked as read */
        gint64 told;         /* when the others were told last that somebody is writing */
        char *sending;       /* a text that cryptod has not answered for yet */
};

static bool is_open(const struct conversation_view *v, const char *conversation)
{
        return v->account && strcmp(v->id, conversation) == 0;
}

static void on_done(const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error)
                notice_show_error(v->notice, error);
}

/* Reading. */

void conversation_view_looked_at(struct conversation_view *v)
{
        GtkRoot *window = gtk_widget_get_root(v->root);

        if (!v->account || v->last <= v->seen || !gtk_widget_get_mapped(v->root) || !GTK_IS_WINDOW(window) ||
            !gtk_window_is_active(GTK_WINDOW(window)))
                return;
        v->seen = v->last;
        (void) account_tell(v->account, CRYPTO_MESSAGES, "MarkRead", "st", v->id, v->seen);
        v->events->read(v->userdata);
}

static void on_shown(uint64_t last, void *userdata)
{
        struct conversation_view *v = userdata;

        v->last = MAX(v->last, last);
        gtk_widget_set_visible(v->empty, last == 0);
        gtk_widget_set_visible(GTK_WIDGET(v->scroller), last != 0);
        conversation_view_looked_at(v);
}

static void on_end(bool at_end, void *userdata)
{
        struct conversation_view *v = userdata;

        gtk_widget_set_visible(v->to_end, !at_end);
}

static void on_failed(const sd_bus_error *error, void *userdata)
{
        on_done(error, userdata);
}

static const struct timeline_events timeline_events = { .shown = on_shown, .at_end = on_end, .failed = on_failed };

static void on_pin_chosen(uint64_t message, void *userdata)
{
        conversation_view_jump(userdata, message);
}

/* What is done with a message. */

static void on_chosen(const struct message_facts *m, enum message_action what, void *userdata)
{
        struct conversation_view *v = userdata;
        const struct message_acts acts = { .widget = v->root,
                                           .people = v->people,
                                           .account = v->account,
                                           .calls = &v->calls,
                                           .conversation = v->id,
                                           .done = on_done,
                                           .userdata = v };

        switch (what) {
        case MESSAGE_REPLY:
                draft_reply(v->draft, m);
                break;
        case MESSAGE_EDIT:
                draft_edit(v->draft, m);
                break;
        case MESSAGE_COPY:
                message_acts_copy(&acts, m);
                break;
        case MESSAGE_FORWARD:
                message_acts_forward(&acts, m);
                break;
        case MESSAGE_PIN:
                message_acts_pin(&acts, m);
                break;
        case MESSAGE_INFO:
                message_acts_info(&acts, m);
                break;
        case MESSAGE_DELETE:
                message_acts_delete(&acts, m);
                break;
        case MESSAGE_SAVE:
                file_saving_ask(v->saving, v->root, v->account, v->id, m->id, m->file_name);
                break;
        }
}

static void on_react(const struct message_facts *m, const char *emoji, void *userdata)
{
        struct conversation_view *v = userdata;
        const struct message_acts acts = {
                .account = v->account, .calls = &v->calls, .conversation = v->id, .done = on_done, .userdata = v
        };

        message_acts_react(&acts, m, emoji);
}

void conversation_view_jump(struct conversation_view *v, uint64_t message)
{
        if (v->account)
                timeline_jump(v->timeline, message);
}

static void on_jump(uint64_t message, void *userdata)
{
        conversation_view_jump(userdata, message);
}

static const struct message_events message_events = { .chosen = on_chosen, .react = on_react, .jump = on_jump };

/* Writing. */

static void tell_typing(struct conversation_view *v, bool typing)
{
        gint64 now = g_get_monotonic_time();

        if (typing ? now - v->told < TYPING_SECONDS * G_USEC_PER_SEC : v->told == 0)
                return;
        v->told = typing ? now : 0;
        (void) account_tell(v->account, CRYPTO_MESSAGES, "SetTyping", "sb", v->id, (int) typing);
}

static void on_typed(const char *text, void *userdata)
{
        struct conversation_view *v = userdata;

        if (!v->account)
                return;
        draft_typed(v->draft);
        tell_typing(v, *text);
}

static void on_sent(uint64_t id, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error) {
                composer_restore(v->composer, v->sending);
                notice_show_error(v->notice, error);
        } else {
                notice_hide(v->notice);
                draft_sent(v->draft);
                timeline_added(v->timeline);
        }
        g_clear_pointer(&v->sending, g_free);
}

static void on_edited(const sd_bus_error *error, void *userdata)
{
        on_sent(0, error, userdata);
}

static int send_text(struct conversation_view *v, const char *text)
{
        struct said_mention mentions[MENTIONS_MAX];
        size_t n = v->person ? 0 : mention_list_find(v->mentions, text, mentions, MENTIONS_MAX);
        uint64_t edits = draft_edits(v->draft);

        if (edits > 0)
                return account_call(v->account, &v->calls, CRYPTO_MESSAGES, "Edit", on_edited, v, "sts", v->id, edits,
                                    text);
        timeline_jump_to_end(v->timeline);
        return messages_send(v->account, &v->calls, v->id, text, draft_replies_to(v->draft), mentions, n, on_sent, v);
}

static bool on_send(const char *text, void *userdata)
{
        struct conversation_view *v = userdata;

        if (!v->account || v->sending)
                return false;
        if (attachments_any(v->attachments) && draft_edits(v->draft) == 0) {
                attachments_send(v->attachments, v->account, v->id, text);
                draft_sent(v->draft);
                return true;
        }
        if (!*text || send_text(v, text) < 0)
                return false;
        v->sending = g_strdup(text);
        v->told = 0;
        return true;
}

static void on_let_go(void *userdata)
{
        draft_let_go(((struct conversation_view *) userdata)->draft);
}

static void on_edit_last(void *userdata)
{
        struct conversation_view *v = userdata;
        const struct message_facts *m = timeline_last_own(v->timeline);

        if (m)
                draft_edit(v->draft, m);
}

static void on_attach(void *userdata)
{
        attachments_ask(((struct conversation_view *) userdata)->attachments);
}

static void on_attached(bool any, void *userdata)
{
        composer_set_attached(((struct conversation_view *) userdata)->composer, any);
}

static const struct attachments_events attachments_events = { .changed = on_attached, .failed = on_failed };

static void on_saved(const char *path, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error)
                notice_show_error(v->notice, error);
        else
                notice_show(v->notice, "document-save-symbolic", "Saved", path);
}

static const struct file_saving_events saving_events = { .saved = on_saved };

void conversation_view_set_transfers(struct conversation_view *v, const struct transfers *t)
{
        v->transfers = t;
        transfer_list_show(v->transfer_list, v->account, t, v->account ? v->id : NULL);
        if (t)
                file_saving_look(v->saving, t);
        else
                file_saving_clear(v->saving);
}

static void on_declined(void *userdata)
{
        struct conversation_view *v = userdata;

        v->events->gone(v->userdata);
}

static const struct request_bar_events request_events = { .declined = on_declined, .failed = on_failed };

static const struct composer_events composer_events = {
        .send = on_send, .typed = on_typed, .let_go = on_let_go, .edit_last = on_edit_last, .attach = on_attach
};

/* The menu and the search. */

void conversation_view_search(struct conversation_view *v)
{
        if (v->account)
                conversation_search_open(v->search, v->account, v->id);
}

static void on_search(void *userdata)
{
        conversation_view_search(userdata);
}

static void on_found(uint64_t message, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error)
                notice_show(v->notice, "x-office-calendar-symbolic", "Nothing That Late",
                            "Nothing was said on that day or after it.");
        else
                timeline_jump(v->timeline, message);
}

static void on_jump_to(uint64_t time, void *userdata)
{
        struct conversation_view *v = userdata;

        (void) account_ask_number(v->account, &v->calls, CRYPTO_HISTORY, "MessageAt", on_found, v, "st", v->id, time);
}

static void on_cleared(void *userdata)
{
        struct conversation_view *v = userdata;

        timeline_open(v->timeline, v->account, v->id, 0, 0);
        pinned_bar_follow(v->pinned, v->account, v->id);
}

static const struct conversation_menu_events menu_events = {
        .search = on_search, .jump_to = on_jump_to, .failed = on_failed, .cleared = on_cleared
};

/* The header. */

static void show_trust(struct conversation_view *v, enum trust trust)
{
        trust_mark_set(v->mark, trust);
        gtk_label_set_text(v->standing, trust == TRUST_VERIFIED  ? "Verified"
                                        : trust == TRUST_CHANGED ? "Another Key"
                                                                 : "Verify");
        gtk_widget_set_visible(v->safety, trust != TRUST_NONE);
}

void conversation_view_mark(struct conversation_view *v)
{
        g_autofree char *name = v->account ? people_name(v->people, v->address) : NULL;

        if (!name)
                return;
        adw_window_title_set_title(v->title, name);
        adw_window_title_set_subtitle(v->title, v->person ? v->address : "");
        adw_avatar_set_text(v->avatar, name);
        adw_status_page_set_description(ADW_STATUS_PAGE(v->empty),
                                        v->person ? "Only the two of you can read what is written here."
                                                  : "Whoever is in this group can read what is written here.");
        show_trust(v, v->person ? people_trust(v->people, v->address) : TRUST_NONE);
}

static void on_safety(struct conversation_view *v)
{
        if (v->account)
                v->events->safety(v->address, people_trust(v->people, v->address), v->userdata);
}

static void on_back(struct conversation_view *v)
{
        v->events->back(v->userdata);
}

static void set_title(struct conversation_view *v, const char *title)
{
        char *old = v->address;

        if (!*title)
                return;
        v->address = g_strndup(title, strcspn(title, v->person ? "#" : ""));
        conversation_menu_open(v->menu, v->account, v->id, v->address);
        g_free(old);
}

/* What is set, and at first what was written and not sent. */
static void on_described(const struct description *d, const sd_bus_error *error, void *userdata)
{
        struct conversation_view *v = userdata;

        if (error) {
                notice_show_error(v->notice, error);
                return;
        }
        v->person = strcmp(d->kind, "person") == 0;
        v->style.group = !v->person;
        set_title(v, d->title);
        conversation_view_mark(v);
        conversation_menu_set(v->menu, d);
        if (strcmp(d->standing, "request") == 0)
                request_bar_show(v->request, v->account, v->id, adw_window_title_get_title(v->title),
                                 v->person ? v->address : NULL);
        else
                request_bar_hide(v->request);
        if (v->described)
                return;
        v->described = true;
        mention_list_follow(v->mentions, v->account, v->person ? NULL : v->id);
        v->seen = d->marked_unread ? 0 : d->read;
        timeline_open(v->timeline, v->account, v->id, d->read, d->unread);
        draft_open(v->draft, v->account, v->id, d->draft, d->draft_replies_to);
}

/* Life. */

static void release(gpointer userdata)
{
        struct conversation_view *v = userdata;

        calls_cancel(&v->calls);
        draft_free(v->draft);
        file_saving_free(v->saving);
        g_free(v->sending);
        g_free(v->address);
        g_free(v);
}

static void make_parts(struct conversation_view *v, GtkBuilder *builder)
{
        GtkWidget *bottom = part(builder, "bottom"), *button = part(builder, "menu");

        v->header = ADW_HEADER_BAR(part(builder, "header"));
        v->back = part(builder, "back");
        v->avatar = ADW_AVATAR(part(builder, "avatar"));
        v->title = ADW_WINDOW_TITLE(part(builder, "title"));
        v->safety = part(builder, "safety");
        v->mark = GTK_IMAGE(part(builder, "mark"));
        v->standing = GTK_LABEL(part(builder, "standing"));
        v->empty = part(builder, "empty");
        v->scroller = GTK_SCROLLED_WINDOW(part(builder, "scroller"));
        v->to_end = part(builder, "to_end");
        v->search = conversation_search_new(GTK_BOX(part(builder, "top")), on_jump, v);
        v->pinned = pinned_bar_new(GTK_BOX(part(builder, "top")), v->people, on_pin_chosen, v);
        v->timeline = timeline_new(v->scroller, &v->style, &timeline_events, v);
        v->typing = typing_line_new(GTK_BOX(bottom), v->people);
        v->transfer_list = transfer_list_new(GTK_BOX(bottom), on_failed, v);
        v->notice = notice_new(GTK_BOX(bottom));
        v->request = request_bar_new(GTK_BOX(bottom), &request_events, v);
        v->composer = composer_new(GTK_BOX(bottom), &composer_events, v);
        v->attachments = attachments_new(composer_attached(v->composer), composer_view(v->composer), v->root,
                                         &attachments_events, v);
        v->saving = file_saving_new(&saving_events, v);
        v->draft = draft_new(v->composer, v->people);
        v->mentions = mention_list_new(composer_view(v->composer), v->people);
        v->menu = conversation_menu_new(GTK_MENU_BUTTON(button), v->root, &menu_events, v);
}

struct conversation_view *conversation_view_new(GtkStack *parent, const char *name, const struct people *people,
                                                const struct conversation_view_events *events, void *userdata)
{
        g_autoptr(GtkBuilder) builder = gtk_builder_new_from_resource(PARTS_FOLDER "conversation-view.ui");
        struct conversation_view *v = g_new0(struct conversation_view, 1);

        v->events = events;
        v->userdata = userdata;
        v->people = people;
        v->root = part(builder, "root");
        v->address = g_strdup("");
        v->style = (struct message_bubble_style){ .people = people, .events = &message_events, .userdata = v };
        make_parts(v, builder);
        g_signal_connect_swapped(v->back, "clicked", G_CALLBACK(on_back), v);
        g_signal_connect_swapped(v->safety, "clicked", G_CALLBACK(on_safety), v);
        g_signal_connect_swapped(v->to_end, "clicked", G_CALLBACK(timeline_jump_to_end), v->timeline);
        g_object_set_data_full(G_OBJECT(v->root), "conversation-view", v, release);
        gtk_stack_add_named(parent, v->root, name);
        return v;
}

void conversation_view_set_folded(struct conversation_view *v, bool folded)
{
        gtk_widget_set_visible(v->back, folded);
        gtk_widget_set_visible(GTK_WIDGET(v->avatar), !folded); /* for the name's sake */
        gtk_widget_set_visible(GTK_WIDGET(v->standing), !folded);
        adw_header_bar_set_show_start_title_buttons(v->header, folded);
}

void conversation_view_open(struct conversation_view *v, struct account *a, const char *id, const char *address)
{
        if (is_open(v, id)) {
                composer_focus(v->composer);
                return;
        }
        conversation_view_close(v);
        v->account = a;
        v->style.self = account_address(a);
        g_free(v->address);
        v->person = strchr(address, '@');
        v->address = g_strndup(address, strcspn(address, v->person ? "#" : ""));
        g_strlcpy(v->id, id, sizeof(v->id));
        conversation_view_mark(v);
        conversation_menu_open(v->menu, a, v->id, v->address);
        pinned_bar_follow(v->pinned, a, v->id);
        transfer_list_show(v->transfer_list, a, v->transfers, v->id);
        (void) description_ask(a, &v->calls, v->id, on_described, v);
        composer_focus(v->composer);
}

void conversation_view_close(struct conversation_view *v)
{
        part_end_questions(v->root);
        if (v->account)
                tell_typing(v, false);
        draft_close(v->draft);
        attachments_clear(v->attachments);
        mention_list_follow(v->mentions, NULL, NULL);
        transfer_list_show(v->transfer_list, NULL, NULL, NULL);
        request_bar_hide(v->request);
        conversation_menu_close(v->menu);
        conversation_search_close(v->search);
        pinned_bar_clear(v->pinned);
        typing_line_clear(v->typing);
        timeline_close(v->timeline);
        calls_cancel(&v->calls);
        show_trust(v, TRUST_NONE);
        notice_hide(v->notice);
        v->account = NULL;
        v->described = false;
        v->last = v->seen = 0;
        v->id[0] = '\0';
        g_clear_pointer(&v->sending, g_free);
        gtk_widget_set_visible(v->to_end, false);
        gtk_widget_set_visible(v->empty, false);
        gtk_widget_set_visible(GTK_WIDGET(v->scroller), true);
}

bool conversation_view_back(struct conversation_view *v)
{
        bool searching = conversation_search_is_open(v->search);
        bool writing = draft_replies_to(v->draft) > 0 || draft_edits(v->draft) > 0;

        if (searching)
                conversation_search_close(v->search);
        else if (writing)
                draft_let_go(v->draft);
        if (searching || writing)
                composer_focus(v->composer);
        return searching || writing;
}

const char *conversation_view_id(const struct conversation_view *v)
{
        return v->account ? v->id : NULL;
}

const char *conversation_view_address(const struct conversation_view *v)
{
        return v->account ? v->address : NULL;
}

/* What the account announces. */

void conversation_view_added(struct conversation_view *v, const char *conversation)
{
        if (is_open(v, conversation) && v->described)
                timeline_added(v->timeline);
}

void conversation_view_state(struct conversation_view *v, const char *conversation, uint64_t message, const char *state)
{
        if (is_open(v, conversation))
                timeline_state(v->timeline, message, state);
}

void conversation_view_edited(struct conversation_view *v, const char *conversation, uint64_t message)
{
        if (!is_open(v, conversation))
                return;
        timeline_edited(v->timeline, message);
        pinned_bar_follow(v->pinned, v->account, v->id);
}

void conversation_view_erased(struct conversation_view *v, const char *conversation, uint64_t message)
{
        if (!is_open(v, conversation))
                return;
        timeline_erased(v->timeline, message);
        pinned_bar_follow(v->pinned, v->account, v->id);
}

void conversation_view_typing(struct conversation_view *v, const char *conversation, const char *who, bool typing)
{
        if (is_open(v, conversation))
                typing_line_set(v->typing, who, typing);
}

void conversation_view_changed(struct conversation_view *v, const char *conversation)
{
        if (is_open(v, conversation))
                (void) description_ask(v->account, &v->calls, v->id, on_described, v);
}
