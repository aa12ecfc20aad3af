/* visavis: the command line of Visavis. It shows and asks; it holds no key and links no crypto library. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "services/log.h"
#include "ui/cli/cli.h"
#include "ui/cli/help.h"

enum { PIN_FD_MAX = 1 << 20, LAST_MAX = 500, USES_MAX = 10000 };

/* What getopt_long() answers with; the rest of the options have the bits of help.h. */
enum { OPTION_BUS = 1 << 29, OPTION_JSON, OPTION_HELP, OPTION_VERSION };

static const struct option long_options[] = {
        { "bus", required_argument, NULL, OPTION_BUS },
        { "account", required_argument, NULL, OPTION_ACCOUNT },
        { "camera", required_argument, NULL, OPTION_CAMERA },
        { "suite", required_argument, NULL, OPTION_SUITE },
        { "pin-fd", required_argument, NULL, OPTION_PIN_FD },
        { "new-pin-fd", required_argument, NULL, OPTION_NEW_PIN_FD },
        { "invitation", no_argument, NULL, OPTION_INVITATION },
        { "invitation-fd", required_argument, NULL, OPTION_INVITATION_FD },
        { "scanned-fd", required_argument, NULL, OPTION_SCANNED_FD },
        { "number", required_argument, NULL, OPTION_NUMBER },
        { "output", required_argument, NULL, OPTION_OUTPUT },
        { "offset", required_argument, NULL, OPTION_OFFSET },
        { "to", required_argument, NULL, OPTION_TO },
        { "from", required_argument, NULL, OPTION_FROM },
        { "legacy-cbc", no_argument, NULL, OPTION_LEGACY_CBC },
        { "yes", no_argument, NULL, OPTION_YES },
        { "local", no_argument, NULL, OPTION_LOCAL },
        { "recovery", no_argument, NULL, OPTION_RECOVERY },
        { "passphrase", no_argument, NULL, OPTION_PASSPHRASE },
        { "state", required_argument, NULL, OPTION_STATE },
        { "uses", required_argument, NULL, OPTION_USES },
        { "expires", required_argument, NULL, OPTION_EXPIRES },
        { "last", required_argument, NULL, OPTION_LAST },
        { "since", required_argument, NULL, OPTION_SINCE },
        { "follow", no_argument, NULL, OPTION_FOLLOW },
        { "numbers", no_argument, NULL, OPTION_NUMBERS },
        { "in", required_argument, NULL, OPTION_IN },
        { "all", no_argument, NULL, OPTION_ALL },
        { "voice", no_argument, NULL, OPTION_VOICE },
        { "json", no_argument, NULL, OPTION_JSON },
        { "help", no_argument, NULL, OPTION_HELP },
        { "version", no_argument, NULL, OPTION_VERSION },
        { NULL, 0, NULL, 0 },
};

struct request {
        struct cli cli;
        unsigned given; /* bits of help.h */
        bool help;
        bool version;
};

/* A day, or a minute of it, by the clock of this place, in microseconds since 1970. -EINVAL */
static int parse_day(const char *text, uint64_t *out)
{
        struct tm t = { .tm_isdst = -1 };
        const char *end = strptime(text, "%Y-%m-%d", &t);
        time_t time;

        if (end && *end)
                end = strptime(end, " %H:%M", &t);
        if (!end || *end || (time = mktime(&t)) < 0)
                return -EINVAL;
        *out = (uint64_t) time * 1000000 + (time == 0);
        return 0;
}

static int parse_number(const struct cli *cli, const char *option, long min, long max, long *out)
{
        char *end;

        errno = 0;
        *out = strtol(optarg, &end, 10);
        if (errno || end == optarg || *end || *out < min || *out > max)
                return cli_fail(cli, EXIT_USAGE, "%s takes a number from %ld to %ld, not “%s”.", option, min, max,
                                optarg);
        return EXIT_OK;
}

static int take_option(struct request *q, int option)
{
        struct cli *cli = &q->cli;
        long number;
        int r;

        switch (option) {
        case OPTION_BUS:
                cli->bus_address = optarg;
                return EXIT_OK;
        case OPTION_JSON:
                cli->json = true;
                return EXIT_OK;
        case OPTION_HELP:
                q->help = true;
                return EXIT_OK;
        case OPTION_VERSION:
                q->version = true;
                return EXIT_OK;
        case OPTION_ACCOUNT:
                cli->account = optarg;
                break;
        case OPTION_CAMERA:
                cli->camera = optarg;
                break;
        case OPTION_SUITE:
                cli->suite = optarg;
                break;
        case OPTION_IN:
                cli->in = optarg;
                break;
        case OPTION_FOLLOW:
                cli->follow = true;
                break;
        case OPTION_ALL:
                cli->all = true;
                break;
        case OPTION_NUMBERS:
                cli->numbers = true;
                break;
        case OPTION_PIN_FD:
                r = parse_number(cli, "--pin-fd", 0, PIN_FD_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->pin_fd = (int) number;
                break;
        case OPTION_NEW_PIN_FD:
                r = parse_number(cli, "--new-pin-fd", 0, PIN_FD_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->new_pin_fd = (int) number;
                break;
        case OPTION_INVITATION_FD:
                r = parse_number(cli, "--invitation-fd", 0, PIN_FD_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->invitation_fd = (int) number;
                break;
        case OPTION_SCANNED_FD:
                r = parse_number(cli, "--scanned-fd", 0, PIN_FD_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->scanned_fd = (int) number;
                break;
        case OPTION_NUMBER:
                cli->number = optarg;
                break;
        case OPTION_INVITATION:
                cli->invitation = true;
                break;
        case 'o':
                option = OPTION_OUTPUT;
                /* fall through */
        case OPTION_OUTPUT:
                cli->output = optarg;
                break;
        case OPTION_OFFSET:
                r = parse_number(cli, "--offset", 0, LONG_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->offset = (uint64_t) number;
                break;
        case OPTION_TO:
                cli->to = optarg;
                break;
        case OPTION_FROM:
                cli->from = optarg;
                break;
        case OPTION_LEGACY_CBC:
                cli->legacy_cbc = true;
                break;
        case OPTION_VOICE:
                cli->voice = true;
                break;
        case OPTION_YES:
                cli->yes = true;
                break;
        case OPTION_LOCAL:
                cli->local = true;
                break;
        case OPTION_RECOVERY:
                cli->without_face = "recovery";
                break;
        case OPTION_PASSPHRASE:
                cli->without_face = "passphrase";
                break;
        case OPTION_STATE:
                cli->state = optarg;
                break;
        case OPTION_EXPIRES:
                cli->expires = optarg;
                break;
        case OPTION_USES:
                r = parse_number(cli, "--uses", 1, USES_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->uses = (unsigned) number;
                break;
        case OPTION_LAST:
                r = parse_number(cli, "--last", 1, LAST_MAX, &number);
                if (r != EXIT_OK)
                        return r;
                cli->last = (unsigned) number;
                break;
        case OPTION_SINCE:
                if (parse_day(optarg, &cli->since) < 0)
                        return cli_fail(cli, EXIT_USAGE,
                                        "“%s” is no day such as 2026-01-31, nor a minute such as “2026-01-31 18:30”.",
                                        optarg);
                break;
        }
        q->given |= (unsigned) option;
        return EXIT_OK;
}

/* getopt_long() leaves the letter of a short option, and has gone past a long one. */
static int no_option(const struct cli *cli, const char *word)
{
        const char letter[] = { '-', (char) optopt, '\0' };
        bool is_short = optopt > 0 && optopt < 128 && isgraph(optopt);

        return cli_fail(cli, EXIT_USAGE,
                        "There is no option %s; see visavis --help, or put -- before a text that begins with a dash.",
                        is_short ? letter : word);
}

/* Options up to the end of @argv, or ("+") up to the first other word. */
static int parse(struct request *q, const char *mode, int argc, char *argv[])
{
        int option, r = EXIT_OK;

        opterr = 0;
        while (r == EXIT_OK && (option = getopt_long(argc, argv, mode, long_options, NULL)) != -1) {
                if (option == ':')
                        return cli_fail(&q->cli, EXIT_USAGE, "%s needs a value; see visavis --help.", argv[optind - 1]);
                if (option == '?')
                        return no_option(&q->cli, argv[optind - 1]);
                r = take_option(q, option);
        }
        return r;
}

static int run(struct request *q, const struct command *command, int argc, char *argv[])
{
        /* Everything behind “hub run” is the hub's. */
        bool others = command->run == command_hub && argc > 1 && strcmp(argv[1], "run") == 0;
        int r = EXIT_OK;

        if (!others) {
                optind = 0;
                r = parse(q, ":o:", argc, argv);
        }
        if (r != EXIT_OK)
                return r;
        if (q->help) {
                help_print(stdout, command);
                return EXIT_OK;
        }
        for (const struct option *o = long_options; o->name; o++)
                if (o->val < OPTION_BUS && (q->given & ~command->options & (unsigned) o->val))
                        return cli_fail(&q->cli, EXIT_USAGE, "--%s means nothing to visavis %s; see visavis %s --help.",
                                        o->name, command->name, command->name);
        int skip = others ? 1 : optind;
        r = command->run(&q->cli, argc - skip, argv + skip);
        cli_disconnect(&q->cli);
        return r;
}

int main(int argc, char *argv[])
{
        struct request q = { .cli.pin_fd = -1, .cli.new_pin_fd = -1, .cli.invitation_fd = -1, .cli.scanned_fd = -1 };
        const struct rlimit none = { 0, 0 };

        log_open("visavis", LOG_WARNING);
        if (setrlimit(RLIMIT_CORE, &none) < 0)
                return cli_fail(&q.cli, EXIT_OTHER, "Core dumps could not be switched off: %s.", strerror(errno));
        int r = parse(&q, "+:o:", argc, argv);
        if (r != EXIT_OK)
                return r;
        if (q.version) {
                puts("visavis " VISAVIS_VERSION);
                return EXIT_OK;
        }
        const char *name = argv[optind];
        const struct command *command = name ? command_find(name) : NULL;
        bool helping = name && strcmp(name, "help") == 0;

        if (helping) {
                name = argv[optind + 1];
                command = name ? command_find(name) : NULL;
        }
        if (name && !command)
                return cli_fail(&q.cli, EXIT_USAGE, "There is no command “%s”; visavis --help lists them.", name);
        if (helping || !command) {
                helping = helping || q.help;
                help_print(helping ? stdout : stderr, command);
                return helping ? EXIT_OK : EXIT_USAGE;
        }
        return run(&q, command, argc - optind, argv + optind);
}
