/* See text_argument.h. */
#include "ui/cli/text_argument.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/bytes.h"
#include "services/text.h"

static int too_long(const struct cli *cli)
{
        return cli_fail(cli, EXIT_USAGE, "A message has at most %d bytes; send a long text in parts.",
                        TEXT_ARGUMENT_MAX);
}

/* The words of the command, with a space between them. */
static int join(const struct cli *cli, int argc, char *argv[], char *out, size_t *size)
{
        *size = 0;
        for (int i = 0; i < argc; i++) {
                size_t n = strlen(argv[i]);

                if (n + (i > 0) > TEXT_ARGUMENT_MAX - *size)
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
        *size = fread(out, 1, TEXT_ARGUMENT_MAX + 1, stdin);
        if (ferror(stdin))
                return cli_fail(cli, EXIT_OTHER, "The text could not be read from standard input: %s.",
                                strerror(errno));
        if (*size > TEXT_ARGUMENT_MAX)
                return too_long(cli);
        while (*size > 0 && out[*size - 1] == '\n')
                --*size;
        out[*size] = '\0';
        return EXIT_OK;
}

int text_argument(const struct cli *cli, int argc, char *argv[], char *out)
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
