/* visavis send, update. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/bytes.h"
#include "services/cleanup.h"
#include "services/text.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"

/* As im.visavis.Crypto1.Account.Send takes it. */
enum { TEXT_SIZE_MAX = 65536 };

static int too_long(const struct cli *cli)
{
        return cli_fail(cli, EXIT_USAGE, "A message has at most %d bytes; send a long text in parts.", TEXT_SIZE_MAX);
}

/* The words of the command, with a space between them. */
static int join(const struct cli *cli, int argc, char *argv[], char *out, size_t *size)
{
        *size = 0;
        for (int i = 0; i < argc; i++) {
                size_t n = strlen(argv[i]);

                if (n + (i > 0) > TEXT_SIZE_MAX - *size)
                        return too_long(cli);
                if (i > 0)
                        out[(*size)++] = ' ';
                memcpy(out + *size, argv[i], n);
                *size += n;
        }
        out[*size] = '\0';
        return EXIT_OK;
}

static int read_input(const struct cli *cli, char *out, size_t *size)
{
        *size = fread(out, 1, TEXT_SIZE_MAX + 1, stdin);
        if (ferror(stdin))
                return cli_fail(cli, EXIT_OTHER, "The text could not be read from standard input: %s.",
                                strerror(errno));
        if (*size > TEXT_SIZE_MAX)
                return too_long(cli);
        while (*size > 0 && out[*size - 1] == '\n')
                --*size;
        out[*size] = '\0';
        return EXIT_OK;
}

/* From the arguments behind the address, or from standard input for "-" or none. */
static int read_text(const struct cli *cli, int argc, char *argv[], char *out)
{
        bool input = argc == 0 || (argc == 1 && strcmp(argv[0], "-") == 0);
        size_t size = 0;
        int r = input ? read_input(cli, out, &size) : join(cli, argc, argv, out, &size);

        if (r != EXIT_OK)
                return r;
        if (size == 0)
                return cli_fail(cli, EXIT_USAGE, "There is nothing to send: the text is empty.");
        if (!utf8_valid(BYTES(out, size)))
                return cli_fail(cli, EXIT_USAGE,
                                "The text is not UTF-8, so it was not sent; convert it first (iconv).");
        return EXIT_OK;
}

static void on_sent(uint64_t id, const sd_bus_error *error, void *userdata)
{
        struct session *s = userdata;

        s->message = id;
        cli_finish(s->cli, error ? cli_fail_bus(s->cli, error) : EXIT_OK);
}

static int send_text(struct session *s, const char *text)
{
        int r = cli_wait(s->cli, account_send(s->account, &s->cli->calls, s->conversation, text, on_sent, s));

        if (r == EXIT_OK && s->cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(s->conversation));
                json_object_object_add(o, "id", json_object_new_uint64(s->message));
                output_json(o);
        }
        return r;
}

int command_send(struct cli *cli, int argc, char *argv[])
{
        static char text[TEXT_SIZE_MAX + 2];
        struct session s = { .cli = cli };

        if (argc < 1)
                return cli_fail(cli, EXIT_USAGE, "Say to whom: visavis send ADDRESS [TEXT…]");
        int r = read_text(cli, argc - 1, argv + 1, text);
        if (r == EXIT_OK)
                r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = send_text(&s, text);
        session_close(&s);
        return r;
}

static void on_updated(const sd_bus_error *error, void *userdata)
{
        struct cli *cli = userdata;

        cli_finish(cli, error ? cli_fail_bus(cli, error) : EXIT_OK);
}

int command_update(struct cli *cli, int argc, char *argv[])
{
        struct session s = { .cli = cli };

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say in which conversation: visavis update ADDRESS");
        int r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = cli_wait(cli, account_update(s.account, &cli->calls, s.conversation, on_updated, cli));
        session_close(&s);
        return r;
}
