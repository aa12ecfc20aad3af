/* What somebody wrote, as markup: whatever it is, every tag that is opened is closed in its order, and none is there
 * but those of the subset; so GTK never sees markup that it refuses, or that an author made. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/client/markdown.h"

enum { DEPTH_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = { "b", "i", "tt", "a", "span" };

static size_t name_at(const char *s)
{
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (strncmp(s, names[i], strlen(names[i])) == 0 && strchr("> ", s[strlen(names[i])]))
                        return i;
        abort();
}

static void check(const char *markup)
{
        size_t open[DEPTH_MAX], depth = 0;

        for (const char *s = markup; *s; s++) {
                if (*s == '>')
                        abort();
                if (*s != '<')
                        continue;
                if (s[1] == '/') {
                        if (depth == 0 || name_at(s + 2) != open[--depth])
                                abort();
                } else {
                        if (depth == DEPTH_MAX)
                                abort();
                        open[depth++] = name_at(s + 1);
                }
                s = strchr(s, '>');
                if (!s)
                        abort();
        }
        if (depth > 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* The first bytes are mentions. */
        const struct said_mention mentions[] = { { size > 0 ? data[0] : 0, size > 1 ? data[1] : 0, "" },
                                                 { size > 2 ? data[2] : 0, size > 3 ? data[3] : 0, "" } };
        size_t from = size < 4 ? size : 4;
        char *text = strndup((const char *) data + from, size - from);
        char *markup = markdown_markup(text, mentions, 2), *host = markdown_host(text);

        check(markup);
        free(host);
        free(markup);
        free(text);
        return 0;
}
