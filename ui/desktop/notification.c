/* A word to the person outside of the window. */
#include "ui/desktop/notification.h"

#include <gio/gio.h>

static char *id_of(const char *conversation)
{
        return g_strconcat("message-", conversation, NULL);
}

/* What somebody else wrote: valid UTF-8, without characters that turn the direction of what is behind them or move the
 * cursor, and without the two that begin markup, which not every notification service leaves alone. */
static char *harmless(const char *text)
{
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        GString *s = g_string_new(NULL);

        for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);
                GUnicodeType type = g_unichar_type(c);

                if (c == '<' || c == '&')
                        g_string_append_unichar(s, c == '<' ? 0x2039 : 0xff06);
                else if (type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT)
                        g_string_append_c(s, ' ');
                else
                        g_string_append_unichar(s, c);
        }
        return g_string_free(s, FALSE);
}

void notification_show(const char *conversation, const char *title, const char *body)
{
        g_autofree char *id = id_of(conversation), *safe_title = harmless(title), *safe_body = harmless(body);
        g_autoptr(GNotification) n = g_notification_new(safe_title);

        if (*safe_body)
                g_notification_set_body(n, safe_body);
        g_notification_set_category(n, "im.received");
        g_notification_set_default_action_and_target(n, "app.show", "s", conversation);
        g_application_send_notification(g_application_get_default(), id, n);
}

void notification_withdraw(const char *conversation)
{
        g_autofree char *id = id_of(conversation);

        g_application_withdraw_notification(g_application_get_default(), id);
}
