/* visavis identify: whose of the person's accounts the face before the camera is. */
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/camera_words.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/client/accounts.h"
#include "ui/client/attempt.h"

struct search {
        struct cli *cli;
        struct attempt *attempt;
        struct camera_words words;
        char account[33];
};

/* What has no vault here any more has no address. */
static void on_accounts(const struct account_entry *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct search *s = userdata;
        const char *address = "";

        if (error) {
                cli_finish(s->cli, cli_fail_bus(s->cli, error));
                return;
        }
        for (size_t i = 0; i < n; i++)
                if (strcmp(list[i].id, s->account) == 0)
                        address = list[i].address;
        print_event(s->cli, "account", s->account, *address ? address : s->account);
        cli_finish(s->cli, EXIT_OK);
}

static void on_view(struct attempt *a, const struct attempt_view *v, void *userdata)
{
        struct search *s = userdata;
        int r = 0;

        camera_words_show(s->cli, &s->words, v);
        if (v->state == ATTEMPT_SUCCEEDED) {
                memcpy(s->account, v->account, sizeof(s->account));
                r = accounts_list(s->cli->bus, &s->cli->calls, on_accounts, s);
        } else if (v->state > ATTEMPT_SUCCEEDED) {
                cli_finish(s->cli, cli_fail(s->cli, EXIT_FACE_REFUSED, "%s", v->failure_text));
        }
        if (r < 0)
                cli_finish(s->cli, cli_fail(s->cli, EXIT_OTHER, "cryptod could not be asked: %s.", strerror(-r)));
}

static void on_broken(struct attempt *a, const sd_bus_error *error, void *userdata)
{
        struct search *s = userdata;

        cli_finish(s->cli, cli_fail_bus(s->cli, error));
}

int command_identify(struct cli *cli, int argc, char *argv[])
{
        static const struct attempt_events events = { .changed = on_view, .broken = on_broken };
        const struct attempt_request request = { .kind = ATTEMPT_IDENTIFY, .camera = cli->camera };
        struct search s = { .cli = cli };
        int r;

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; --camera NAME chooses a camera.", argv[0]);
        r = cli_connect(cli);
        if (r == EXIT_OK)
                r = cli_wait(cli, attempt_start(cli->bus, &request, &events, &s, &s.attempt));
        attempt_free(s.attempt);
        return r;
}
