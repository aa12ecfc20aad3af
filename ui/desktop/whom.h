/* What a person types to say whom they mean: an address, a name on their own hub, or a contact link. */
#pragma once

#include <stdbool.h>

#include "ui/client/account.h"

/* @text with the own hub behind it if it is a name alone. The caller frees it with g_free(). */
char *whom_complete(const struct account *a, const char *text);

/* Whether it is a link (visavis:…), which says the key as well. */
bool whom_is_link(const char *text);
