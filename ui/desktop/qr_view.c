/* A text as a QR code. */
#include "ui/desktop/qr_view.h"

#include <stdlib.h>

#include "services/qr_code.h"
#include "ui/desktop/parts.h"

enum { SIDE = 248 };

struct qr_view {
        uint8_t *modules; /* one byte each, 1 for a dark one; NULL: there is none */
        unsigned width;
};

static void draw(GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer userdata)
{
        const struct qr_view *v = userdata;
        int scale = v->width ? MIN(width, height) / (int) v->width : 0;

        if (scale < 1)
                return;
        cairo_translate(cr, (width - scale * (int) v->width) / 2, (height - scale * (int) v->width) / 2);
        cairo_set_source_rgb(cr, 0, 0, 0);
        for (unsigned y = 0; y < v->width; y++)
                for (unsigned x = 0; x < v->width; x++)
                        if (v->modules[y * v->width + x])
                                cairo_rectangle(cr, (int) x * scale, (int) y * scale, scale, scale);
        cairo_fill(cr);
}

static void release(gpointer userdata)
{
        struct qr_view *v = userdata;

        free(v->modules);
        g_free(v);
}

GtkWidget *qr_view_new(const char *name)
{
        GtkWidget *area = g_object_new(GTK_TYPE_DRAWING_AREA, "accessible-role", GTK_ACCESSIBLE_ROLE_IMG, NULL);
        struct qr_view *v = g_new0(struct qr_view, 1);

        part_name(area, name);
        gtk_drawing_area_set_content_width(GTK_DRAWING_AREA(area), SIDE);
        gtk_drawing_area_set_content_height(GTK_DRAWING_AREA(area), SIDE);
        gtk_drawing_area_set_draw_func(GTK_DRAWING_AREA(area), draw, v, NULL);
        gtk_widget_set_halign(area, GTK_ALIGN_CENTER);
        gtk_widget_add_css_class(area, "qr-code");
        gtk_widget_set_visible(area, false);
        g_object_set_data_full(G_OBJECT(area), "qr-view", v, release);
        return area;
}

void qr_view_set(GtkWidget *view, const char *text)
{
        struct qr_view *v = g_object_get_data(G_OBJECT(view), "qr-view");

        free(v->modules);
        v->modules = NULL;
        v->width = 0;
        gtk_widget_set_visible(view, text && qr_code_modules(text, &v->modules, &v->width) >= 0);
        gtk_widget_queue_draw(view);
}
