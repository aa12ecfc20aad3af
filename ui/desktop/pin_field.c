/* From the field that a PIN is typed into to a struct secret. */
#include "ui/desktop/pin_field.h"

#include <string.h>

#include "ui/client/login.h"

static void renew_buffer(GtkWidget *entry)
{
        GtkText *text = GTK_TEXT(gtk_editable_get_delegate(GTK_EDITABLE(entry)));
        g_autoptr(GtkEntryBuffer) buffer = gtk_password_entry_buffer_new();

        gtk_entry_buffer_set_max_length(buffer, PIN_SIZE_MAX);
        gtk_text_set_buffer(text, buffer);
}

void pin_field_prepare(GtkWidget *entry)
{
        gtk_editable_set_enable_undo(GTK_EDITABLE(entry), false);
        renew_buffer(entry);
}

struct bytes pin_field_bytes(GtkWidget *entry)
{
        const char *text = gtk_editable_get_text(GTK_EDITABLE(entry));

        return BYTES(text, strlen(text));
}

void pin_field_clear(GtkWidget *entry)
{
        renew_buffer(entry);
}

struct secret *pin_field_take(GtkWidget *entry)
{
        struct secret *s = secret_copy(pin_field_bytes(entry));

        pin_field_clear(entry);
        return s;
}
