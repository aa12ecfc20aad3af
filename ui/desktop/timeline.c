/* See timeline.h. */
#include "ui/desktop/timeline.h"

#include <string.h>

#include "ui/client/calls.h"
#include "ui/desktop/parts.h"
#include "ui/desktop/timeline_row.h"

enum {
        PAGE = 50,
        PAGE_MAX = 500,     /* the most that Read answers with */
        NEAR_END = 24,      /* pixels: the end is in view */
        NEAR_TOP = 400,     /* pixels: what is above is fetched */
        MARKED_MSEC = 1500, /* how long a message stays marked that was jumped to */
};

/* Where the view is kept while what is in it grows. */
enum anchor { ANCHOR_NONE, ANCHOR_END, ANCHOR_BELOW };

struct timeline {
        const struct message_bubble_style *style;
        const struct timeline_events *events;
        void *userdata;
        GtkScrolledWindow *scroller;
        GtkWidget *clamp;
        GtkListBox *box;
        GtkAdjustment *adjustment;

        struct account *account; /* NULL: none is open */
        struct calls calls;
        const char *conversation;
        uint64_t first, last; /* ids of what is shown; 0: nothing */
        uint64_t read;        /* what was read before it was opened */
        uint64_t target;      /* a message that is being jumped to */
        bool unread_marked;   /* the mark stands somewhere */
        bool above, below;    /* there is more */
        bool fetching, stale; /* a page is under way; … and something has come since */
        enum anchor anchor;
        double distance; /* from the upper end, for ANCHOR_BELOW */
        GtkWidget *goal; /* a row that is to be in view after the next layout */
        unsigned frames;
        guint idle;
        bool moving; /* the adjustment is being set from here */
};

/* Rows. */

static GtkWidget *row_at(const struct timeline *t, int index)
{
        return GTK_WIDGET(gtk_list_box_get_row_at_index(t->box, index));
}

static GtkWidget *find(const struct timeline *t, uint64_t message)
{
        for (GtkWidget *w = gtk_widget_get_last_child(GTK_WIDGET(t->box)); w; w = gtk_widget_get_prev_sibling(w))
                if (timeline_row_id(w) == message)
                        return w;
        return NULL;
}

/* What stands above a row depends on the one before it. */
static void settle(GtkWidget *row)
{
        if (row)
                timeline_row_follow(row, gtk_widget_get_prev_sibling(row));
}

static void mark_unread(struct timeline *t, GtkWidget *row, const struct said *s)
{
        if (t->read == 0 || t->unread_marked || s->id <= t->read || s->own || !*s->sender)
                return;
        timeline_row_set_unread_mark(row, true);
        t->unread_marked = true;
}

static void append(struct timeline *t, const struct said *s)
{
        GtkWidget *row = timeline_row_new(s, t->style);

        gtk_list_box_append(t->box, row);
        settle(row);
        mark_unread(t, row, s);
        t->last = s->id;
        if (t->first == 0)
                t->first = s->id;
}

static void prepend(struct timeline *t, const struct said *s)
{
        GtkWidget *row = timeline_row_new(s, t->style);

        gtk_list_box_prepend(t->box, row);
        settle(row);
        settle(gtk_widget_get_next_sibling(row));
        t->first = s->id;
        if (t->last == 0)
                t->last = s->id;
}

static void clear(struct timeline *t)
{
        GtkWidget *row;

        calls_cancel(&t->calls);
        while ((row = row_at(t, 0)))
                gtk_list_box_remove(t->box, row);
        t->first = t->last = t->target = 0;
        t->above = t->below = t->fetching = t->stale = t->unread_marked = false;
        t->goal = NULL;
}

/* Scrolling. */

static void scroll_to(struct timeline *t, double value)
{
        t->moving = true;
        gtk_adjustment_set_value(t->adjustment, value);
        t->moving = false;
}

static double anchored(const struct timeline *t)
{
        double upper = gtk_adjustment_get_upper(t->adjustment);

        return t->anchor == ANCHOR_END     ? upper - gtk_adjustment_get_page_size(t->adjustment)
               : t->anchor == ANCHOR_BELOW ? upper - t->distance
                                           : gtk_adjustment_get_value(t->adjustment);
}

static gboolean on_idle(gpointer userdata)
{
        struct timeline *t = userdata;

        t->idle = 0;
        gtk_widget_queue_allocate(gtk_widget_get_parent(t->clamp));
        return G_SOURCE_REMOVE;
}

/* While the viewport is being laid out it does not look at the value again: it is to do so afterwards. */
static void on_resized(struct timeline *t, GtkAdjustment *a)
{
        double value = anchored(t);

        if (value == gtk_adjustment_get_value(a))
                return;
        scroll_to(t, value);
        if (t->idle == 0)
                t->idle = g_idle_add_full(G_PRIORITY_HIGH_IDLE, on_idle, t, NULL);
}

/* Rows have come or gone: how high that will be is asked now, so that the next frame shows the right place at once. */
static void place(struct timeline *t)
{
        int width = gtk_widget_get_width(t->clamp), height;

        if (t->anchor == ANCHOR_NONE || width == 0)
                return;
        gtk_widget_measure(t->clamp, GTK_ORIENTATION_VERTICAL, width, &height, NULL, NULL, NULL);
        t->moving = true;
        gtk_adjustment_set_upper(t->adjustment, MAX(height, gtk_adjustment_get_page_size(t->adjustment)));
        t->moving = false;
        scroll_to(t, anchored(t));
}

static void tell_end(struct timeline *t)
{
        t->events->at_end(!t->below && t->anchor == ANCHOR_END, t->userdata);
}

static void hold_below(struct timeline *t)
{
        t->distance = gtk_adjustment_get_upper(t->adjustment) - gtk_adjustment_get_value(t->adjustment);
        t->anchor = ANCHOR_BELOW;
}

static gboolean unmark(gpointer row)
{
        gtk_widget_remove_css_class(row, "sought");
        g_object_unref(row);
        return G_SOURCE_REMOVE;
}

/* A row has its place only when it has been laid out: two frames from now. */
static gboolean on_frame(GtkWidget *widget, GdkFrameClock *clock, gpointer userdata)
{
        struct timeline *t = userdata;
        graphene_rect_t bounds;

        if (t->goal && t->frames-- > 0)
                return G_SOURCE_CONTINUE;
        if (t->goal && gtk_widget_compute_bounds(t->goal, GTK_WIDGET(t->box), &bounds))
                scroll_to(t, bounds.origin.y - gtk_adjustment_get_page_size(t->adjustment) / 3);
        t->goal = NULL;
        return G_SOURCE_REMOVE;
}

static void bring_into_view(struct timeline *t, GtkWidget *row)
{
        if (!t->goal)
                gtk_widget_add_tick_callback(GTK_WIDGET(t->box), on_frame, t, NULL);
        t->goal = row;
        t->frames = 2;
        t->anchor = ANCHOR_NONE;
        tell_end(t);
}

static void show_sought(struct timeline *t, GtkWidget *row)
{
        bring_into_view(t, row);
        gtk_widget_add_css_class(row, "sought");
        g_timeout_add(MARKED_MSEC, unmark, g_object_ref(row));
        gtk_widget_grab_focus(row);
}

/* Pages. */

static void fetch_newer(struct timeline *t);
static void on_first(const struct said *list, size_t n, const sd_bus_error *error, void *userdata);

static bool failed(struct timeline *t, const sd_bus_error *error)
{
        t->fetching = false;
        if (error)
                t->events->failed(error, t->userdata);
        return error;
}

static void settled(struct timeline *t)
{
        place(t);
        tell_end(t);
        t->events->shown(t->last, t->userdata);
        if (t->stale && !t->below)
                fetch_newer(t);
}

static void on_newer(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct timeline *t = userdata;

        if (failed(t, error))
                return;
        if (t->anchor == ANCHOR_BELOW)
                t->anchor = ANCHOR_NONE;
        for (size_t i = 0; i < n; i++)
                append(t, &list[i]);
        t->below = n == PAGE;
        settled(t);
}

static void fetch(struct timeline *t, struct said_page page, messages_done done)
{
        t->fetching = messages_read(t->account, &t->calls, t->conversation, &page, done, t) >= 0;
}

static void fetch_newer(struct timeline *t)
{
        t->stale = t->fetching;
        if (!t->fetching && t->last == 0)
                fetch(t, (struct said_page){ .limit = PAGE }, on_first);
        else if (!t->fetching)
                fetch(t, (struct said_page){ .after = t->last, .limit = PAGE }, on_newer);
}

static void on_older(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct timeline *t = userdata;
        GtkWidget *goal;

        if (failed(t, error))
                return;
        if (t->anchor != ANCHOR_END)
                hold_below(t);
        for (size_t i = 0; i < n; i++)
                prepend(t, &list[i]);
        t->above = n >= PAGE;
        goal = t->target > 0 ? find(t, t->target) : NULL;
        if (goal)
                show_sought(t, goal);
        t->target = 0;
        if (t->below)
                fetch_newer(t);
        else
                settled(t);
}

static void on_first(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct timeline *t = userdata;

        if (failed(t, error))
                return;
        for (size_t i = n; i > 0; i--)
                append(t, &list[i - 1]);
        t->above = n >= PAGE;
        for (GtkWidget *w = row_at(t, 0); t->unread_marked && w; w = gtk_widget_get_next_sibling(w))
                if (timeline_row_id(w) > t->read && !timeline_row_is_own(w) && timeline_row_bubble(w)) {
                        bring_into_view(t, w);
                        break;
                }
        settled(t);
}

static void on_scrolled(struct timeline *t, GtkAdjustment *a)
{
        double value = gtk_adjustment_get_value(a), end = value + gtk_adjustment_get_page_size(a);
        bool at_end = end + NEAR_END >= gtk_adjustment_get_upper(a);

        if (t->moving)
                return;
        t->goal = NULL;
        t->anchor = at_end && !t->below ? ANCHOR_END : ANCHOR_NONE;
        tell_end(t);
        if (!t->account || t->fetching || t->first == 0)
                return;
        if (value < NEAR_TOP && t->above)
                fetch(t, (struct said_page){ .before = t->first, .limit = PAGE }, on_older);
        else if (at_end && t->below)
                fetch_newer(t);
}

void timeline_jump(struct timeline *t, uint64_t message)
{
        GtkWidget *row = find(t, message);

        if (row) {
                show_sought(t, row);
                return;
        }
        clear(t);
        t->target = message;
        t->below = true;
        t->anchor = ANCHOR_NONE;
        fetch(t, (struct said_page){ .before = message + 1, .limit = PAGE }, on_older);
}

void timeline_jump_to_end(struct timeline *t)
{
        if (t->below) {
                clear(t);
                fetch(t, (struct said_page){ .limit = PAGE }, on_first);
        }
        timeline_stay_at_end(t);
}

void timeline_stay_at_end(struct timeline *t)
{
        t->anchor = ANCHOR_END;
        t->goal = NULL;
        scroll_to(t, anchored(t));
        tell_end(t);
}

/* What changes. */

void timeline_added(struct timeline *t)
{
        if (t->account && !t->below)
                fetch_newer(t);
}

static void on_again(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct timeline *t = userdata;
        GtkWidget *row = n == 1 ? find(t, list[0].id) : NULL;

        if (!row)
                return; /* it has gone meanwhile, which is told as well */
        timeline_row_set(row, &list[0]);
        settle(row);
        settle(gtk_widget_get_next_sibling(row));
}

void timeline_edited(struct timeline *t, uint64_t message)
{
        if (t->account && find(t, message))
                (void) messages_read(t->account, &t->calls, t->conversation,
                                     &(struct said_page){ .before = message + 1, .limit = 1 }, on_again, t);
}

void timeline_state(struct timeline *t, uint64_t message, const char *state)
{
        GtkWidget *row = find(t, message), *bubble = row ? timeline_row_bubble(row) : NULL;

        if (bubble)
                message_bubble_set_state(bubble, state);
}

void timeline_erased(struct timeline *t, uint64_t message)
{
        GtkWidget *row = find(t, message), *next = row ? gtk_widget_get_next_sibling(row) : NULL;

        if (!row)
                return;
        t->goal = t->goal == row ? NULL : t->goal;
        gtk_list_box_remove(t->box, row);
        settle(next);
}

const struct message_facts *timeline_last_own(struct timeline *t)
{
        for (GtkWidget *w = gtk_widget_get_last_child(GTK_WIDGET(t->box)); w && !t->below;
             w = gtk_widget_get_prev_sibling(w)) {
                GtkWidget *bubble = timeline_row_bubble(w);

                if (bubble && message_facts_allow(message_bubble_facts(bubble), MESSAGE_EDIT))
                        return message_bubble_facts(bubble);
        }
        return NULL;
}

/* Life. */

void timeline_open(struct timeline *t, struct account *a, const char *conversation, uint64_t read, uint32_t unread)
{
        timeline_close(t);
        t->account = a;
        t->conversation = conversation;
        t->read = unread > 0 ? read : 0;
        t->anchor = ANCHOR_END;
        fetch(t, (struct said_page){ .limit = CLAMP(unread + 10, PAGE, PAGE_MAX) }, on_first);
}

void timeline_close(struct timeline *t)
{
        clear(t);
        t->account = NULL;
        t->read = 0;
}

static void release(gpointer userdata)
{
        struct timeline *t = userdata;

        calls_cancel(&t->calls);
        g_clear_handle_id(&t->idle, g_source_remove);
        g_free(t);
}

struct timeline *timeline_new(GtkScrolledWindow *scroller, const struct message_bubble_style *style,
                              const struct timeline_events *events, void *userdata)
{
        struct timeline *t = g_new0(struct timeline, 1);
        GtkWidget *clamp = adw_clamp_new();

        t->clamp = clamp;
        t->style = style;
        t->events = events;
        t->userdata = userdata;
        t->scroller = scroller;
        t->adjustment = gtk_scrolled_window_get_vadjustment(scroller);
        t->box = GTK_LIST_BOX(gtk_list_box_new());
        gtk_list_box_set_selection_mode(t->box, GTK_SELECTION_NONE);
        gtk_widget_set_valign(GTK_WIDGET(t->box), GTK_ALIGN_END);
        gtk_widget_add_css_class(GTK_WIDGET(t->box), "messages");
        part_name(t->box, "Messages");
        adw_clamp_set_maximum_size(ADW_CLAMP(clamp), 760);
        adw_clamp_set_tightening_threshold(ADW_CLAMP(clamp), 600);
        adw_clamp_set_child(ADW_CLAMP(clamp), GTK_WIDGET(t->box));
        gtk_scrolled_window_set_child(scroller, clamp);
        g_signal_connect_swapped(t->adjustment, "value-changed", G_CALLBACK(on_scrolled), t);
        g_signal_connect_swapped(t->adjustment, "changed", G_CALLBACK(on_resized), t);
        g_object_set_data_full(G_OBJECT(scroller), "timeline", t, release);
        return t;
}
