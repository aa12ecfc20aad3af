/* Log lines. The journal gets its native protocol; anything else gets a text line a person can read.
 *
 * Standard error is preferred when it is a terminal, so that somebody who starts a daemon by hand sees what it says. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"

enum { FIELDS_MAX = 32 };

static struct {
        const char *identifier;
        int max_priority;
        bool journal;
} log_state = { .identifier = "visavis", .max_priority = LOG_INFO };

void log_open(const char *identifier, int max_priority)
{
        log_state.identifier = identifier;
        log_state.max_priority = max_priority;
        log_state.journal = access("/run/systemd/journal/socket", F_OK) == 0 &&
                            (getenv("JOURNAL_STREAM") || !isatty(STDERR_FILENO));
}

static int send_to_journal(int priority, const char *const *fields, const char *sentence)
{
        _cleanup_free_ char *message = NULL, *identifier = NULL;
        char level[] = { 'P', 'R', 'I', 'O', 'R', 'I', 'T', 'Y', '=', (char) ('0' + priority), '\0' };
        struct iovec parts[FIELDS_MAX + 3];
        int n = 0;

        if (asprintf(&message, "MESSAGE=%s", sentence) < 0 ||
            asprintf(&identifier, "SYSLOG_IDENTIFIER=%s", log_state.identifier) < 0)
                return -ENOMEM;
        parts[n++] = (struct iovec){ message, strlen(message) };
        parts[n++] = (struct iovec){ identifier, strlen(identifier) };
        parts[n++] = (struct iovec){ level, strlen(level) };
        for (int i = 0; fields && fields[i] && i < FIELDS_MAX; i++)
                parts[n++] = (struct iovec){ (char *) fields[i], strlen(fields[i]) };
        return sd_journal_sendv(parts, n);
}

/* A line stays one line: a control character in a name must not forge another. */
static void write_printable(FILE *f, const char *s)
{
        for (; *s; s++)
                fputc((unsigned char) *s < ' ' || *s == 127 ? '?' : *s, f);
}

/* Put together first and written at once, so that lines of several processes do not mix. */
static void write_to_stderr(const char *const *fields, const char *sentence)
{
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&line, &size);

        if (!f)
                return;
        fprintf(f, "%s[%d]: ", log_state.identifier, (int) getpid());
        write_printable(f, sentence);
        for (int i = 0; fields && fields[i]; i++) {
                fputc(' ', f);
                write_printable(f, fields[i]);
        }
        fputc('\n', f);
        if (fclose(f) == 0)
                fwrite(line, 1, size, stderr);
        fflush(stderr);
}

void log_fields(int priority, const char *const *fields, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        int saved_errno = errno;
        va_list arguments;

        if (LOG_PRI(priority) > log_state.max_priority)
                return;
        va_start(arguments, format);
        int r = vasprintf(&sentence, format, arguments);
        va_end(arguments);
        if (r < 0) {
                sentence = NULL;
                return;
        }
        if (!log_state.journal || send_to_journal(LOG_PRI(priority), fields, sentence) < 0)
                write_to_stderr(fields, sentence);
        errno = saved_errno;
}
