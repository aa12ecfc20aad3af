/* What reaches the terminal. */
#include "ui/cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"

/* Reads one code point; its length in bytes, or 0 if there is no valid one. */
static size_t decode_utf8(const unsigned char *s, uint32_t *out)
{
        static const struct {
                unsigned char mask, lead;
                uint32_t least;
        } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

        for (size_t n = 0; n < COUNT_OF(forms); n++) {
                uint32_t c;

                if ((s[0] & forms[n].mask) != forms[n].lead)
                        continue;
                c = s[0] & (unsigned char) ~forms[n].mask;
                for (size_t i = 1; i <= n; i++) {
                        if ((s[i] & 0xc0) != 0x80)
                                return 0;
                        c = c << 6 | (s[i] & 0x3f);
                }
                if (c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                        return 0;
                *out = c;
                return n + 1;
        }
        return 0;
}

static bool shows_safely(uint32_t c, bool lines)
{
        if (c == '\n' || c == '\t')
                return lines;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
                return false;
        /* Marks, embeddings, overrides and isolates of the bidirectional algorithm; line and paragraph separators. */
        return !(c == 0x200e || c == 0x200f || c == 0x061c || (c >= 0x2028 && c <= 0x202e) ||
                 (c >= 0x2066 && c <= 0x2069));
}

char *output_sanitise(const char *text, bool lines)
{
        static const char replacement[] = "\xef\xbf\xbd";
        const unsigned char *s = (const unsigned char *) text;
        char *out = malloc(3 * strlen(text) + 1), *o = out;

        if (!out)
                abort();
        while (*s) {
                uint32_t c;
                size_t n = decode_utf8(s, &c);

                if (n && shows_safely(c, lines)) {
                        memcpy(o, s, n);
                        o += n;
                } else {
                        memcpy(o, replacement, 3);
                        o += 3;
                }
                s += n ? n : 1;
        }
        *o = '\0';
        return out;
}

/* The text of a JSON document is ASCII but for what stands in its strings, and there \u escapes are allowed. None of
 * what must be escaped is outside the basic plane, so one \u each is enough. */
static void print_escaped(const char *text)
{
        const unsigned char *s = (const unsigned char *) text;

        while (*s) {
                uint32_t c;
                size_t n = decode_utf8(s, &c);

                if (n && shows_safely(c, false))
                        fwrite(s, 1, n, stdout);
                else
                        printf("\\u%04x", n ? (unsigned) c : 0xfffdu);
                s += n ? n : 1;
        }
}

void output_json(json_object *object)
{
        print_escaped(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        putchar('\n');
        fflush(stdout);
        json_object_put(object);
}

void output_time(uint64_t usec, char out[static 32])
{
        time_t now = time(NULL), then = (time_t) (usec / 1000000);
        struct tm today, local;

        if (usec == 0) {
                strcpy(out, "-");
                return;
        }
        localtime_r(&now, &today);
        localtime_r(&then, &local);
        strftime(out, 32, local.tm_yday == today.tm_yday && local.tm_year == today.tm_year ? "%H:%M" : "%Y-%m-%d %H:%M",
                 &local);
}
