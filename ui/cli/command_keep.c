/* visavis keep: how much of what was said is kept on this machine. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"

#define CRYPTO_HISTORY "im.visavis.Crypto1.History"

struct limits {
        uint32_t days, messages; /* 0: no limit */
        bool unset;              /* as everywhere else */
};

static int show(struct cli *cli, const char *account, const char *conversation)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint32_t days, messages;
        int own, r = cli_call(cli, account, CRYPTO_HISTORY, "Retention", &reply, "s", conversation);

        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "uub", &days, &messages, &own) < 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "days", json_object_new_int64(days));
                json_object_object_add(o, "messages", json_object_new_int64(messages));
                json_object_object_add(o, "own", json_object_new_boolean(own));
                output_json(o);
                return EXIT_OK;
        }
        if (days == 0 && messages == 0)
                fputs("Messages are kept for ever", stdout);
        if (days > 0)
                printf("Messages are kept for %" PRIu32 " day%s", days, days == 1 ? "" : "s");
        if (messages > 0)
                printf(days > 0 ? ", and of them the newest %" PRIu32 : "The newest %" PRIu32 " messages are kept",
                       messages);
        puts(!own && *conversation ? ", as everywhere." : ".");
        return EXIT_OK;
}

/* 30d, 1000, forever, default. */
static int parse(const struct cli *cli, const char *word, struct limits *out)
{
        char *end = NULL;
        unsigned long number;

        if (strcmp(word, "forever") == 0)
                return EXIT_OK;
        out->unset = strcmp(word, "default") == 0;
        if (out->unset)
                return EXIT_OK;
        errno = 0;
        number = isdigit((unsigned char) *word) ? strtoul(word, &end, 10) : 0;
        if (number > 0 && number <= UINT32_MAX && errno == 0 && strcmp(end, "d") == 0)
                out->days = (uint32_t) number;
        else if (number > 0 && number <= UINT32_MAX && errno == 0 && !*end)
                out->messages = (uint32_t) number;
        else
                return cli_fail(cli, EXIT_USAGE,
                                "“%s” is no number of days such as 30d, no number of messages such as 1000, and "
                                "neither forever nor default.",
                                word);
        return EXIT_OK;
}

static int set(struct cli *cli, const char *account, const char *conversation, int argc, char *argv[])
{
        struct limits l = { 0 };
        int r = EXIT_OK;

        for (int i = 0; i < argc && r == EXIT_OK; i++)
                r = parse(cli, argv[i], &l);
        if (r == EXIT_OK && (l.days > 0 || l.messages > 0) && !cli->yes)
                r = cli_ask(cli, "What is older or more than that is erased on this machine, for good. Go on?",
                            "--yes");
        if (r != EXIT_OK)
                return r;
        return l.unset ? cli_call(cli, account, CRYPTO_HISTORY, "UnsetRetention", NULL, "s", conversation)
                       : cli_call(cli, account, CRYPTO_HISTORY, "SetRetention", NULL, "suu", conversation, l.days,
                                  l.messages);
}

int command_keep(struct cli *cli, int argc, char *argv[])
{
        bool everywhere = argc == 0 || strcmp(argv[0], "everywhere") == 0;
        struct session s;
        int r;

        if (argc > 3)
                return cli_fail(
                        cli, EXIT_USAGE,
                        "Say visavis keep [everywhere|ADDRESS|GROUP] [DAYSd] [MESSAGES], or forever, or default.");
        r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK && !everywhere)
                r = session_conversation(&s, argv[0]);
        if (r == EXIT_OK)
                r = argc <= 1 ? show(cli, s.chosen.path, everywhere ? "" : s.conversation)
                              : set(cli, s.chosen.path, everywhere ? "" : s.conversation, argc - 1, argv + 1);
        session_close(&s);
        return r;
}
