/* The list of conversations. */
#include "ui/desktop/conversation_list.h"

#include <string.h>

#include "ui/desktop/conversation_row.h"

struct conversation_list {
        GtkListBox *box;
        const struct people *people;
        const struct conversation_list_events *events;
        void *userdata;
        struct account *account; /* whose rows there are */
        char *words;             /* "" for all */
        bool archived;
};

static void on_row(struct conversation_list *l, GtkListBoxRow *row)
{
        const struct conversation_row *r = conversation_row_of(row);

        l->events->chosen(conversation_row_id(r), conversation_row_address(r), l->userdata);
}

/* Newest first; of two of the same time the address decides, so that the order never flickers. */
static int compare(GtkListBoxRow *a, GtkListBoxRow *b, gpointer userdata)
{
        const struct conversation_row *x = conversation_row_of(a), *y = conversation_row_of(b);
        uint64_t s = conversation_row_time(x), t = conversation_row_time(y);

        return s > t ? -1 : s < t ? 1 : strcmp(conversation_row_address(x), conversation_row_address(y));
}

static bool is_shown(const struct conversation_list *l, GtkListBoxRow *row)
{
        const struct conversation_row *r = conversation_row_of(row);

        if (*l->words)
                return g_str_match_string(l->words, conversation_row_name(r), true);
        return conversation_row_is_archived(r) == l->archived;
}

/* A list's own filter would leave the rows to screen readers (GTK 4.8). */
static void apply(struct conversation_list *l)
{
        unsigned archived = 0, shown = 0;
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i)); i++) {
                bool visible = is_shown(l, row);

                gtk_widget_set_visible(GTK_WIDGET(row), visible);
                archived += conversation_row_is_archived(conversation_row_of(row));
                shown += visible;
        }
        l->events->counted(archived, shown, l->userdata);
}

static void on_row_changed(void *userdata)
{
        apply(userdata);
}

static void release(gpointer userdata)
{
        struct conversation_list *l = userdata;

        g_free(l->words);
        g_free(l);
}

struct conversation_list *conversation_list_new(GtkListBox *box, const struct people *people,
                                                const struct conversation_list_events *events, void *userdata)
{
        struct conversation_list *l = g_new0(struct conversation_list, 1);

        *l = (struct conversation_list){ .box = box, .people = people, .events = events, .userdata = userdata };
        l->words = g_strdup("");
        gtk_list_box_set_sort_func(box, compare, NULL, NULL);
        g_signal_connect_swapped(box, "row-activated", G_CALLBACK(on_row), l);
        g_object_set_data_full(G_OBJECT(box), "conversation-list", l, release);
        return l;
}

static GtkListBoxRow *find(struct conversation_list *l, const char *id)
{
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i)); i++)
                if (strcmp(conversation_row_id(conversation_row_of(row)), id) == 0)
                        return row;
        return NULL;
}

static bool is_among(const struct conversation *list, size_t n, const char *id)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].id, id) == 0)
                        return true;
        return false;
}

void conversation_list_set(struct conversation_list *l, struct account *a, const struct conversation *list, size_t n)
{
        GtkListBoxRow *row;

        l->account = a;
        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i));)
                if (is_among(list, n, conversation_row_id(conversation_row_of(row))))
                        i++;
                else
                        gtk_list_box_remove(l->box, GTK_WIDGET(row));
        for (size_t i = 0; i < n; i++) {
                row = find(l, list[i].id);
                if (!row) {
                        row = conversation_row_new(list[i].id, list[i].address, l->people, on_row_changed, l);
                        gtk_list_box_append(l->box, GTK_WIDGET(row));
                        conversation_row_ask(conversation_row_of(row), a);
                }
                conversation_row_set(conversation_row_of(row), &list[i]);
        }
        gtk_list_box_invalidate_sort(l->box);
        apply(l);
}

void conversation_list_clear(struct conversation_list *l)
{
        conversation_list_set(l, NULL, NULL, 0);
}

void conversation_list_changed(struct conversation_list *l, const char *id)
{
        GtkListBoxRow *row = find(l, id);

        if (row && l->account)
                conversation_row_ask(conversation_row_of(row), l->account);
}

void conversation_list_show_archived(struct conversation_list *l, bool archived)
{
        l->archived = archived;
        apply(l);
}

void conversation_list_filter(struct conversation_list *l, const char *words)
{
        g_free(l->words);
        l->words = g_strdup(words);
        apply(l);
}

const char *conversation_list_address(struct conversation_list *l, const char *id)
{
        GtkListBoxRow *row = find(l, id);

        return row ? conversation_row_address(conversation_row_of(row)) : "";
}

void conversation_list_mark(struct conversation_list *l)
{
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i)); i++)
                conversation_row_mark(conversation_row_of(row));
}

void conversation_list_select(struct conversation_list *l, const char *id)
{
        gtk_list_box_select_row(l->box, id ? find(l, id) : NULL);
}

void conversation_list_choose(struct conversation_list *l, const char *id)
{
        GtkListBoxRow *row = find(l, id);

        if (row)
                on_row(l, row);
}
