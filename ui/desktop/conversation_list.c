/* The list of conversations. */
#include "ui/desktop/conversation_list.h"

#include <string.h>

#include "ui/desktop/conversation_row.h"

struct conversation_list {
        GtkListBox *box;
        const struct conversation_list_events *events;
        void *userdata;
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

struct conversation_list *conversation_list_new(GtkListBox *box, const struct conversation_list_events *events,
                                                void *userdata)
{
        struct conversation_list *l = g_new0(struct conversation_list, 1);

        *l = (struct conversation_list){ .box = box, .events = events, .userdata = userdata };
        gtk_list_box_set_sort_func(box, compare, NULL, NULL);
        g_signal_connect_swapped(box, "row-activated", G_CALLBACK(on_row), l);
        g_object_set_data_full(G_OBJECT(box), "conversation-list", l, g_free);
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

void conversation_list_set(struct conversation_list *l, const struct conversation *list, size_t n)
{
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i));)
                if (is_among(list, n, conversation_row_id(conversation_row_of(row))))
                        i++;
                else
                        gtk_list_box_remove(l->box, GTK_WIDGET(row));
        for (size_t i = 0; i < n; i++) {
                row = find(l, list[i].id);
                if (!row) {
                        row = conversation_row_new(list[i].id, list[i].address);
                        gtk_list_box_append(l->box, GTK_WIDGET(row));
                }
                conversation_row_set(conversation_row_of(row), &list[i]);
        }
        gtk_list_box_invalidate_sort(l->box);
}

void conversation_list_mark(struct conversation_list *l, const struct contact *list, size_t n)
{
        GtkListBoxRow *row;

        for (int i = 0; (row = gtk_list_box_get_row_at_index(l->box, i)); i++) {
                struct conversation_row *r = conversation_row_of(row);

                conversation_row_set_trust(r, trust_of(list, n, conversation_row_address(r)));
        }
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
