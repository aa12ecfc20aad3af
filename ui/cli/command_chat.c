/* visavis draft, disappear, receipts, typing, unread, mute, archive: what belongs to a conversation. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"
#include "services/config.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"
#include "ui/cli/text_argument.h"

#define LIFETIME_MAX_USEC (366ULL * 86400 * 1000000)

static int open_chat(struct cli *cli, int argc, char *argv[], int most, const char *usage, struct session *s)
{
        int r;

        *s = (struct session){ .cli = cli };
        if (argc < 1 || argc > most)
                return cli_fail(cli, EXIT_USAGE, "Say in which conversation: visavis %s", usage);
        r = session_open(cli, &session_no_events, NULL, s);
        return r == EXIT_OK ? session_conversation(s, argv[0]) : r;
}

static void print_value(const struct cli *cli, const char *key, json_object *value, const char *words)
{
        json_object *o;

        if (!cli->json) {
                puts(words);
                json_object_put(value);
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, key, value);
        output_json(o);
}

/* -- draft -------------------------------------------------------------------------------------------------------- */

static int show_draft(struct session *s)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct description d;
        int r = session_describe(s, &reply, &d);

        if (r != EXIT_OK)
                return r;
        _cleanup_free_ char *safe = output_sanitise(d.draft, true);
        print_value(s->cli, "draft", json_object_new_string(d.draft), safe);
        return EXIT_OK;
}

int command_draft(struct cli *cli, int argc, char *argv[])
{
        static char text[TEXT_ARGUMENT_MAX + 2];
        bool erase = argc == 2 && !*argv[1];
        struct session s;
        int r = open_chat(cli, argc, argv, INT32_MAX, "draft ADDRESS|GROUP [TEXT…]", &s);

        if (r == EXIT_OK && argc == 1)
                r = show_draft(&s);
        else if (r == EXIT_OK) {
                r = erase ? EXIT_OK : text_argument(cli, argc - 1, argv + 1, text);
                if (r == EXIT_OK)
                        r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "SetDraft", NULL, "sst", s.conversation,
                                     erase ? "" : text, (uint64_t) 0);
        }
        session_close(&s);
        return r;
}

/* -- disappear ---------------------------------------------------------------------------------------------------- */

/* In the largest unit that it is a multiple of. */
static void say_lifetime(uint64_t seconds, char *out, size_t size)
{
        static const struct {
                uint64_t seconds;
                const char *unit;
        } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
        unsigned i = 0;

        while (seconds % units[i].seconds != 0)
                i++;
        (void) snprintf(out, size, "Messages disappear after %" PRIu64 " %s.", seconds / units[i].seconds,
                        units[i].unit);
}

static int show_lifetime(struct session *s)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct description d;
        char words[64];
        int r = session_describe(s, &reply, &d);

        if (r != EXIT_OK)
                return r;
        if (d.disappearing == 0)
                snprintf(words, sizeof(words), "Messages stay.");
        else
                say_lifetime(d.disappearing, words, sizeof(words));
        print_value(s->cli, "seconds", json_object_new_uint64(d.disappearing), words);
        return EXIT_OK;
}

static int set_lifetime(struct session *s, const char *word)
{
        uint64_t usec = 0;

        if (strcmp(word, "off") != 0 &&
            (config_parse_duration(word, &usec) < 0 || usec / 1000000 == 0 || usec / 1000000 > UINT32_MAX))
                return cli_fail(s->cli, EXIT_USAGE, "“%s” is no time such as 1h or 7d, and not off.", word);
        if (usec > LIFETIME_MAX_USEC)
                return cli_fail(s->cli, EXIT_USAGE, "Messages disappear within 366 days, or not at all.");
        return cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "SetDisappearing", NULL, "su", s->conversation,
                        (uint32_t) (usec / 1000000));
}

int command_disappear(struct cli *cli, int argc, char *argv[])
{
        struct session s;
        int r = open_chat(cli, argc, argv, 2, "disappear ADDRESS|GROUP [TIME|off]", &s);

        if (r == EXIT_OK)
                r = argc == 1 ? show_lifetime(&s) : set_lifetime(&s, argv[1]);
        session_close(&s);
        return r;
}

/* -- receipts ----------------------------------------------------------------------------------------------------- */

static int show_switch(struct session *s)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct description d;
        int r = session_describe(s, &reply, &d);

        if (r == EXIT_OK)
                print_value(s->cli, "receipts", json_object_new_boolean(d.receipts), d.receipts ? "on" : "off");
        return r;
}

static void show_receipt(const struct cli *cli, const char *who, uint64_t delivered, uint64_t read)
{
        char got[32], seen[32];

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(who));
                json_object_object_add(o, "delivered_usec", json_object_new_uint64(delivered));
                json_object_object_add(o, "read_usec", json_object_new_uint64(read));
                output_json(o);
                return;
        }
        _cleanup_free_ char *safe = output_sanitise(who, false);
        output_time(delivered, got);
        output_time(read, seen);
        printf("%s  delivered %s, %s%s\n", safe, got, read > 0 ? "read " : "not read", read > 0 ? seen : "");
}

static int show_receipts(struct session *s, uint64_t message)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uint64_t delivered, read;
        const char *who;
        bool any = false;
        int r = cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "Receipts", &reply, "st", s->conversation, message);

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(stt)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(stt)", &who, &delivered, &read)) > 0) {
                show_receipt(s->cli, who, delivered, read);
                any = true;
        }
        if (r >= 0 && !any && !s->cli->json)
                puts("Nobody has said yet that they have it.");
        return r < 0 ? cli_misunderstood(s->cli) : EXIT_OK;
}

static int receipts_for(struct session *s, const char *word)
{
        bool on = strcmp(word, "on") == 0;
        int r;

        if (on || strcmp(word, "off") == 0)
                return cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "SetReceipts", NULL, "sb", s->conversation,
                                (int) on);
        r = session_message(s, word);
        return r == EXIT_OK ? show_receipts(s, s->message) : r;
}

int command_receipts(struct cli *cli, int argc, char *argv[])
{
        struct session s;
        int r = open_chat(cli, argc, argv, 2, "receipts ADDRESS|GROUP [on|off|MESSAGE]", &s);

        if (r == EXIT_OK)
                r = argc == 1 ? show_switch(&s) : receipts_for(&s, argv[1]);
        session_close(&s);
        return r;
}

/* -- typing, unread ----------------------------------------------------------------------------------------------- */

int command_typing(struct cli *cli, int argc, char *argv[])
{
        bool stop = argc == 2 && strcmp(argv[1], "stop") == 0;
        struct session s;
        int r = open_chat(cli, argc, argv, stop ? 2 : 1, "typing ADDRESS|GROUP [stop]", &s);

        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "SetTyping", NULL, "sb", s.conversation, (int) !stop);
        session_close(&s);
        return r;
}

int command_unread(struct cli *cli, int argc, char *argv[])
{
        struct session s;
        int r = open_chat(cli, argc, argv, 1, "unread ADDRESS|GROUP", &s);

        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "MarkUnread", NULL, "s", s.conversation);
        session_close(&s);
        return r;
}

/* -- mute, archive ------------------------------------------------------------------------------------------------ */

/* For a time, or for good. */
static int mute(struct session *s, const char *word, bool muted)
{
        uint64_t usec = 0, until = muted ? UINT64_MAX : 0;

        if (word && config_parse_duration(word, &usec) < 0)
                return cli_fail(s->cli, EXIT_USAGE, "“%s” is no time such as 8h or 7d.", word);
        if (word)
                until = (uint64_t) time(NULL) + usec / 1000000;
        return cli_call(s->cli, s->chosen.path, CRYPTO_MESSAGES, "SetMuted", NULL, "st", s->conversation, until);
}

int command_mute(struct cli *cli, int argc, char *argv[])
{
        struct session s;
        int r = open_chat(cli, argc, argv, 2, "mute ADDRESS|GROUP [TIME]", &s);

        if (r == EXIT_OK)
                r = mute(&s, argc == 2 ? argv[1] : NULL, true);
        session_close(&s);
        return r;
}

int command_unmute(struct cli *cli, int argc, char *argv[])
{
        struct session s;
        int r = open_chat(cli, argc, argv, 1, "unmute ADDRESS|GROUP", &s);

        if (r == EXIT_OK)
                r = mute(&s, NULL, false);
        session_close(&s);
        return r;
}

static int archive(struct cli *cli, int argc, char *argv[], const char *usage, bool archived)
{
        struct session s;
        int r = open_chat(cli, argc, argv, 1, usage, &s);

        if (r == EXIT_OK)
                r = cli_call(cli, s.chosen.path, CRYPTO_MESSAGES, "SetArchived", NULL, "sb", s.conversation,
                             (int) archived);
        session_close(&s);
        return r;
}

int command_archive(struct cli *cli, int argc, char *argv[])
{
        return archive(cli, argc, argv, "archive ADDRESS|GROUP", true);
}

int command_unarchive(struct cli *cli, int argc, char *argv[])
{
        return archive(cli, argc, argv, "unarchive ADDRESS|GROUP", false);
}
