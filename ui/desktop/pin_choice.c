/* A new PIN that is typed twice. */
#include "ui/desktop/pin_choice.h"

#include "services/secret.h"
#include "ui/desktop/pin_field.h"
#include "ui/desktop/pin_judgement.h"

static const char *const classes[] = { "error", "warning", "dim-label", "success" };

static void say(GtkLabel *label, const char *class, const char *text)
{
        for (unsigned i = 0; i < G_N_ELEMENTS(classes); i++)
                gtk_widget_remove_css_class(GTK_WIDGET(label), classes[i]);
        gtk_widget_add_css_class(GTK_WIDGET(label), class);
        gtk_label_set_text(label, text);
}

bool pin_choice_judge(GtkWidget *pin, GtkWidget *again, GtkLevelBar *strength, GtkLabel *judgement)
{
        struct bytes first = pin_field_bytes(pin), second = pin_field_bytes(again);
        struct pin_judgement j = pin_judge(first);
        bool same = secret_equal(first, second);

        gtk_level_bar_set_value(strength, first.size == 0 ? 0 : j.grade + 1);
        say(judgement, classes[j.grade], j.sentence);
        if (j.grade > PIN_UNFIT && second.size > 0 && !same)
                say(judgement, "error", "The two are not the same yet.");
        return j.grade > PIN_UNFIT && same;
}
