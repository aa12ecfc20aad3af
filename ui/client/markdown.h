/* The Markdown subset of docs/content.md, as the markup of Pango that GTK shows.
 *
 * The text is hostile: everything in it is escaped, overrides of the direction of writing are taken out, links are
 * http and https alone and show their whole address, nothing is loaded, and the time that it takes grows with the
 * length alone. */
#pragma once

#include <stddef.h>

#include "ui/client/messages.h"

/* @text is UTF-8; bytes that @mentions name are set apart. Owned by the caller (free()). */
char *markdown_markup(const char *text, const struct said_mention *mentions, size_t n);

/* The host of an address that markdown_markup() has made a link of, as it would be resolved: without user, port and
 * path. Owned by the caller. */
char *markdown_host(const char *link);
