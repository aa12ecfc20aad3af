/* See markdown.h. */
#include "ui/client/markdown.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum span { STRONG, EMPHASIS, CODE, SPANS };

static const struct {
        const char *mark, *tag;
} spans[SPANS] = { [STRONG] = { "**", "b" }, [EMPHASIS] = { "*", "i" }, [CODE] = { "`", "tt" } };

/* A piece of a text that is being written out. Offsets are bytes of the whole text. */
struct piece {
        FILE *out;
        const char *text;
        size_t at, end;
        bool within[SPANS]; /* these spans are open around it */
        bool open[SPANS];   /* … and of these there is no end in it */
        const struct said_mention *mentions;
        size_t mention_count;
};

/* Embeddings, overrides and isolates of the bidirectional algorithm (UAX #9), of three bytes: U+202A to U+202E, U+2066
 * to U+2069. */
static bool turns(const char *s)
{
        const unsigned char *u = (const unsigned char *) s;

        return u[0] == 0xe2 &&
               ((u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) || (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

static size_t write_escaped(FILE *out, const char *text, size_t at, size_t end)
{
        for (; at < end; at++) {
                unsigned char c = (unsigned char) text[at];

                if (end - at >= 3 && turns(text + at))
                        at += 2;
                else if (c == '&')
                        fputs("&amp;", out);
                else if (c == '<')
                        fputs("&lt;", out);
                else if (c == '>')
                        fputs("&gt;", out);
                else if (c == '"')
                        fputs("&quot;", out);
                else if (c >= ' ' || c == '\t' || c == '\n')
                        fputc(c, out);
        }
        return end;
}

static bool begins(const struct piece *p, size_t at, const char *with)
{
        return p->end - at >= strlen(with) && memcmp(p->text + at, with, strlen(with)) == 0;
}

/* Letters and digits, and all that is not ASCII. */
static bool is_word(char c)
{
        return isalnum((unsigned char) c) || (unsigned char) c >= 0x80;
}

/* -- links --------------------------------------------------------------------------------------------------------- */

static size_t link_end(const struct piece *p)
{
        size_t i = p->at;

        while (i < p->end && (unsigned char) p->text[i] > ' ' && !strchr("<>\"'`*|\\^{}", p->text[i]) &&
               !(p->end - i >= 3 && turns(p->text + i)))
                i++;
        while (i > p->at && strchr(".,;:!?)]", p->text[i - 1]))
                i--;
        return i;
}

static bool write_link(struct piece *p)
{
        size_t scheme = begins(p, p->at, "https://") ? 8 : begins(p, p->at, "http://") ? 7 : 0;
        size_t end = scheme > 0 && (p->at == 0 || !is_word(p->text[p->at - 1])) ? link_end(p) : p->at;

        if (end <= p->at + scheme)
                return false;
        fputs("<a href=\"", p->out);
        write_escaped(p->out, p->text, p->at, end);
        fputs("\">", p->out);
        p->at = write_escaped(p->out, p->text, p->at, end);
        fputs("</a>", p->out);
        return true;
}

char *markdown_host(const char *link)
{
        const char *start = strstr(link, "://");
        size_t size;

        start = start ? start + 3 : link;
        size = strcspn(start, "/?#\\");
        for (size_t i = 0; i < size; i++) /* what stands before the last @ is a user's name */
                if (start[i] == '@') {
                        start += i + 1;
                        size -= i + 1;
                        i = (size_t) -1;
                }
        if (*start == '[')
                return strndup(start, strcspn(start, "]") + 1 < size ? strcspn(start, "]") + 1 : size);
        return strndup(start, strcspn(start, ":") < size ? strcspn(start, ":") : size);
}

/* -- spans --------------------------------------------------------------------------------------------------------- */

static void write_piece(struct piece *p);

/* Where the span that begins at @from ends: behind a character that is no space, and not at a longer mark. */
static size_t span_end(const struct piece *p, enum span s, size_t from)
{
        for (size_t i = from; i < p->end; i++)
                if (begins(p, i, spans[s].mark) && i > from && !isspace((unsigned char) p->text[i - 1]) &&
                    !(s == EMPHASIS && (p->text[i - 1] == '*' || (i + 1 < p->end && p->text[i + 1] == '*'))))
                        return i;
        return p->end;
}

static bool write_span(struct piece *p, enum span s)
{
        size_t size = strlen(spans[s].mark), from = p->at + size;

        if (p->within[s] || p->open[s] || !begins(p, p->at, spans[s].mark) || from >= p->end ||
            isspace((unsigned char) p->text[from]) || (p->at > 0 && s != CODE && is_word(p->text[p->at - 1])))
                return false;
        size_t end = span_end(p, s, from);
        p->open[s] = end == p->end;
        if (end == p->end)
                return false;
        struct piece inner = *p;
        inner.at = from;
        inner.end = end;
        inner.within[s] = true;
        memset(inner.open, 0, sizeof(inner.open));
        fprintf(p->out, "<%s>", spans[s].tag);
        if (s == CODE)
                write_escaped(p->out, p->text, from, end);
        else
                write_piece(&inner);
        fprintf(p->out, "</%s>", spans[s].tag);
        p->at = end + size;
        return true;
}

static bool write_mention(struct piece *p)
{
        for (size_t i = 0; i < p->mention_count; i++) {
                const struct said_mention *m = &p->mentions[i];

                if (m->offset != p->at || m->length == 0 || m->length > p->end - p->at ||
                    (p->text[m->offset + m->length] & 0xc0) == 0x80)
                        continue;
                fputs("<span weight=\"bold\" underline=\"low\">", p->out);
                p->at = write_escaped(p->out, p->text, p->at, p->at + m->length);
                fputs("</span>", p->out);
                return true;
        }
        return false;
}

static void write_piece(struct piece *p)
{
        while (p->at < p->end) {
                size_t plain = p->at;

                if (write_mention(p) || write_link(p) || write_span(p, CODE) || write_span(p, STRONG) ||
                    write_span(p, EMPHASIS))
                        continue;
                do
                        plain++;
                while (plain < p->end && (p->text[plain] & 0xc0) == 0x80);
                p->at = write_escaped(p->out, p->text, p->at, plain);
        }
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

/* A quoted line is dimmed, a list's has a dot. */
static void write_line(struct piece *p)
{
        size_t indent = p->at;
        bool quoted;

        while (indent < p->end && p->text[indent] == ' ')
                indent++;
        quoted = p->text[indent] == '>' && indent < p->end;
        if (quoted) {
                p->at = indent + 1;
                fputs("<span alpha=\"70%\">▎", p->out);
        } else if (begins(p, indent, "- ") || begins(p, indent, "* ")) {
                write_escaped(p->out, p->text, p->at, indent);
                fputs("•", p->out);
                p->at = indent + 1;
        }
        write_piece(p);
        fputs(quoted ? "</span>" : "", p->out);
}

static bool is_fence(const struct piece *p)
{
        return begins(p, p->at, "```");
}

char *markdown_markup(const char *text, const struct said_mention *mentions, size_t n)
{
        char *markup = NULL;
        size_t size, length = strlen(text);
        bool fenced = false, first = true;
        FILE *out = open_memstream(&markup, &size);

        if (!out)
                abort();
        for (size_t at = 0; at <= length; at += strcspn(text + at, "\n") + 1) {
                struct piece line = { .out = out,
                                      .text = text,
                                      .at = at,
                                      .end = at + strcspn(text + at, "\n"),
                                      .mentions = mentions,
                                      .mention_count = n };

                if (is_fence(&line)) {
                        fenced = !fenced;
                        continue;
                }
                fputs(first ? "" : "\n", out);
                first = false;
                fputs(fenced ? "<tt>" : "", out);
                if (fenced)
                        write_escaped(out, text, line.at, line.end);
                else
                        write_line(&line);
                fputs(fenced ? "</tt>" : "", out);
        }
        if (fclose(out) != 0)
                abort();
        return markup;
}
