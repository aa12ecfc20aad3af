/* What a person types to say whom they mean. */
#include "ui/desktop/whom.h"

#include <glib.h>
#include <string.h>

char *whom_complete(const struct account *a, const char *text)
{
        const char *hub = strchr(account_address(a), '@');

        return strchr(text, '@') || whom_is_link(text) || !hub ? g_strdup(text) : g_strconcat(text, hub, NULL);
}

bool whom_is_link(const char *text)
{
        return g_str_has_prefix(text, "visavis:");
}
