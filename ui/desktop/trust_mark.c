/* See trust_mark.h. */
#include "ui/desktop/trust_mark.h"

#include "ui/desktop/parts.h"

const char *trust_words(enum trust trust)
{
        return trust == TRUST_VERIFIED ? "verified" : trust == TRUST_CHANGED ? "another key" : "";
}

void trust_mark_set(GtkImage *image, enum trust trust)
{
        bool shown = trust == TRUST_VERIFIED || trust == TRUST_CHANGED;

        gtk_widget_set_visible(GTK_WIDGET(image), shown);
        if (!shown)
                return;
        gtk_image_set_from_icon_name(image,
                                     trust == TRUST_VERIFIED ? "security-high-symbolic" : "dialog-warning-symbolic");
        gtk_widget_set_tooltip_text(GTK_WIDGET(image),
                                    trust == TRUST_VERIFIED
                                            ? "You have compared the safety number."
                                            : "Somebody with another key tried to speak under this address.");
        part_name(image, trust_words(trust));
        if (trust == TRUST_CHANGED)
                gtk_widget_add_css_class(GTK_WIDGET(image), "warning");
        else
                gtk_widget_remove_css_class(GTK_WIDGET(image), "warning");
}
