/* What the camera sees, as in a mirror. */
#include "ui/desktop/face_view.h"

#include <adwaita.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "ui/client/preview.h"

enum { SIZE = 264, RING_WIDTH = 6, RING_GAP = 8 };

struct face_view {
        GtkWidget *area;
        guint tick;
        struct preview *preview;
        cairo_surface_t *picture; /* NULL: nothing to show */
        double progress;          /* as drawn: it follows the attempt's smoothly */
        struct attempt_view attempt;
};

static void forget_picture(struct face_view *v)
{
        g_clear_pointer(&v->picture, cairo_surface_destroy);
}

static void take_picture(struct face_view *v, const struct preview_picture *p)
{
        cairo_surface_t *s = v->picture;

        if (!s || cairo_image_surface_get_width(s) != (int) p->width ||
            cairo_image_surface_get_height(s) != (int) p->height) {
                forget_picture(v);
                s = v->picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int) p->width, (int) p->height);
        }
        cairo_surface_flush(s);
        uint8_t *to = cairo_image_surface_get_data(s);
        size_t stride = (size_t) cairo_image_surface_get_stride(s);
        for (uint32_t y = 0; to && y < p->height; y++)
                memcpy(to + y * stride, p->pixels + (size_t) y * p->stride, p->stride);
        cairo_surface_mark_dirty(s);
}

static bool look(struct face_view *v)
{
        struct preview_picture picture;

        if (!v->preview)
                return false;
        switch (preview_take(v->preview, &picture)) {
        case PREVIEW_NEW:
                take_picture(v, &picture);
                return true;
        case PREVIEW_NONE:
                forget_picture(v);
                return false;
        case PREVIEW_SAME:
                return false;
        }
        return false;
}

static gboolean on_tick(GtkWidget *widget, GdkFrameClock *clock, gpointer userdata)
{
        struct face_view *v = userdata;
        double left = v->attempt.progress - v->progress;
        bool changed = look(v);

        if (fabs(left) > 0.002) {
                v->progress += left * 0.15;
                changed = true;
        }
        if (changed)
                gtk_widget_queue_draw(v->area);
        return G_SOURCE_CONTINUE;
}

static void set_source(cairo_t *cr, const GdkRGBA *c, double alpha)
{
        cairo_set_source_rgba(cr, c->red, c->green, c->blue, c->alpha * alpha);
}

/* The middle of the picture fills the circle; x goes to the left, as in a mirror. */
static void mirror(const struct face_view *v, cairo_t *cr, double radius)
{
        double width = cairo_image_surface_get_width(v->picture), height = cairo_image_surface_get_height(v->picture);
        double scale = 2 * radius / MIN(width, height);

        cairo_scale(cr, -scale, scale);
        cairo_translate(cr, -width / 2, -height / 2);
}

static void draw_face_box(const struct face_view *v, cairo_t *cr, const GdkRGBA *accent)
{
        const double *b = v->attempt.face_box;
        double width = cairo_image_surface_get_width(v->picture), height = cairo_image_surface_get_height(v->picture);
        double x = b[0] * width, y = b[1] * height, w = b[2] * width, h = b[3] * height, r = MIN(w, h) * 0.18;

        if (!(w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= width * 1.01 && y + h <= height * 1.01))
                return;
        cairo_new_sub_path(cr);
        cairo_arc(cr, x + w - r, y + r, r, -G_PI_2, 0);
        cairo_arc(cr, x + w - r, y + h - r, r, 0, G_PI_2);
        cairo_arc(cr, x + r, y + h - r, r, G_PI_2, G_PI);
        cairo_arc(cr, x + r, y + r, r, G_PI, 3 * G_PI_2);
        cairo_close_path(cr);
        cairo_set_line_width(cr, width / 160);
        set_source(cr, accent, 0.9);
        cairo_stroke(cr);
}

static void draw_picture(const struct face_view *v, cairo_t *cr, double radius, const GdkRGBA *accent)
{
        cairo_save(cr);
        cairo_arc(cr, 0, 0, radius, 0, 2 * G_PI);
        cairo_clip(cr);
        mirror(v, cr, radius);
        cairo_set_source_surface(cr, v->picture, 0, 0);
        cairo_paint(cr);
        draw_face_box(v, cr, accent);
        cairo_restore(cr);
}

/* A head and shoulders, while there is no picture. */
static void draw_nobody(cairo_t *cr, double radius, const GdkRGBA *foreground)
{
        cairo_save(cr);
        cairo_arc(cr, 0, 0, radius, 0, 2 * G_PI);
        set_source(cr, foreground, 0.08);
        cairo_fill_preserve(cr);
        cairo_clip(cr);
        set_source(cr, foreground, 0.18);
        cairo_arc(cr, 0, -radius * 0.18, radius * 0.32, 0, 2 * G_PI);
        cairo_fill(cr);
        cairo_arc(cr, 0, radius * 0.86, radius * 0.6, 0, 2 * G_PI);
        cairo_fill(cr);
        cairo_restore(cr);
}

static void draw_ring(const struct face_view *v, cairo_t *cr, double radius, const GdkRGBA *foreground,
                      const GdkRGBA *accent)
{
        cairo_set_line_width(cr, RING_WIDTH);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
        cairo_arc(cr, 0, 0, radius, 0, 2 * G_PI);
        set_source(cr, foreground, 0.12);
        cairo_stroke(cr);
        if (v->progress < 0.005)
                return;
        cairo_arc(cr, 0, 0, radius, -G_PI_2, -G_PI_2 + 2 * G_PI * MIN(v->progress, 1));
        set_source(cr, accent, 1);
        cairo_stroke(cr);
}

/* Points where the head shall turn; the person's own left is the same side in a mirror. */
static void draw_arrow(const struct face_view *v, cairo_t *cr, double radius, const GdkRGBA *accent)
{
        static const char *const prompts[] = { "turn-right", "look-down", "turn-left", "look-up" }; /* clockwise */
        unsigned i = 0;

        while (i < G_N_ELEMENTS(prompts) && !g_str_has_prefix(v->attempt.prompt, prompts[i]))
                i++; /* by whatever amount */
        if (i == G_N_ELEMENTS(prompts))
                return;
        cairo_save(cr);
        cairo_rotate(cr, i * G_PI_2);
        cairo_translate(cr, radius - 32, 0);
        cairo_arc(cr, 0, 0, 20, 0, 2 * G_PI);
        set_source(cr, accent, 1);
        cairo_fill(cr);
        cairo_set_source_rgb(cr, 1, 1, 1);
        cairo_set_line_width(cr, 4);
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        cairo_move_to(cr, -4, -8);
        cairo_line_to(cr, 5, 0);
        cairo_line_to(cr, -4, 8);
        cairo_stroke(cr);
        cairo_restore(cr);
}

static GdkRGBA accent_color(GtkStyleContext *style)
{
        GdkRGBA c = { 0.21f, 0.52f, 0.89f, 1 };

        (void) gtk_style_context_lookup_color(style, "accent_bg_color", &c);
        return c;
}

static void draw(GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer userdata)
{
        struct face_view *v = userdata;
        GtkStyleContext *style = gtk_widget_get_style_context(GTK_WIDGET(area));
        GdkRGBA foreground, accent = accent_color(style);
        double ring = MIN(width, height) / 2.0 - RING_WIDTH, radius = ring - RING_WIDTH / 2.0 - RING_GAP;

        gtk_style_context_get_color(style, &foreground);
        cairo_translate(cr, width / 2.0, height / 2.0);
        if (v->picture)
                draw_picture(v, cr, radius, &accent);
        else
                draw_nobody(cr, radius, &foreground);
        draw_ring(v, cr, ring, &foreground, &accent);
        draw_arrow(v, cr, radius, &accent);
}

static void release(gpointer userdata)
{
        struct face_view *v = userdata;

        preview_free(v->preview);
        forget_picture(v);
        g_free(v);
}

struct face_view *face_view_new(GtkBox *parent)
{
        struct face_view *v = g_new0(struct face_view, 1);

        v->area = g_object_new(GTK_TYPE_DRAWING_AREA, "accessible-role", GTK_ACCESSIBLE_ROLE_IMG, NULL);
        gtk_widget_set_size_request(v->area, SIZE, SIZE);
        gtk_widget_set_halign(v->area, GTK_ALIGN_CENTER);
        gtk_accessible_update_property(GTK_ACCESSIBLE(v->area), GTK_ACCESSIBLE_PROPERTY_LABEL, "What the camera sees",
                                       -1);
        gtk_drawing_area_set_draw_func(GTK_DRAWING_AREA(v->area), draw, v, NULL);
        v->tick = gtk_widget_add_tick_callback(v->area, on_tick, v, NULL);
        g_object_set_data_full(G_OBJECT(v->area), "face-view", v, release);
        gtk_box_append(parent, v->area);
        return v;
}

int face_view_open(struct face_view *v, int fd)
{
        struct preview *p;
        int r = preview_open(fd, &p);

        if (r < 0)
                return r;
        preview_free(v->preview);
        v->preview = p;
        return 0;
}

void face_view_set(struct face_view *v, const struct attempt_view *attempt)
{
        v->attempt = *attempt;
        gtk_widget_queue_draw(v->area);
}

void face_view_clear(struct face_view *v)
{
        v->preview = preview_free(v->preview);
        forget_picture(v);
        v->attempt = (struct attempt_view){ 0 };
        v->progress = 0;
        gtk_widget_queue_draw(v->area);
}
