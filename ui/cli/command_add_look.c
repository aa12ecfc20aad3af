/* visavis add-look: another look of the face that opens an account, after a match with the usual one. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/camera_words.h"
#include "ui/cli/cli.h"
#include "ui/client/attempt.h"

enum { TICKET_SIZE_MAX = 256 };

struct addition {
        struct cli *cli;
        struct cli_account chosen;
        struct camera_words words;
        struct attempt *attempt;
        bool matched; /* with the usual look */
        uint8_t ticket[TICKET_SIZE_MAX];
        size_t ticket_size;
};

static void on_ticket(struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct addition *d = userdata;

        if (error || ticket.size > TICKET_SIZE_MAX) {
                cli_finish(d->cli, error ? cli_fail_bus(d->cli, error)
                                         : cli_fail(d->cli, EXIT_OTHER, "authd made a ticket that is not one."));
                return;
        }
        memcpy(d->ticket, ticket.data, ticket.size);
        d->ticket_size = ticket.size;
        cli_finish(d->cli, EXIT_OK);
}

static void on_view(struct attempt *a, const struct attempt_view *v, void *userdata)
{
        struct addition *d = userdata;
        int r = 0;

        camera_words_show(d->cli, &d->words, v);
        if (v->state == ATTEMPT_FAILED || v->state == ATTEMPT_CANCELLED)
                cli_finish(d->cli, cli_fail(d->cli, EXIT_FACE_REFUSED, "%s", v->failure_text));
        else if (v->state == ATTEMPT_SUCCEEDED && d->matched)
                cli_finish(d->cli, EXIT_OK);
        else if (v->state == ATTEMPT_SUCCEEDED)
                r = attempt_take_ticket(a, on_ticket, d);
        if (r < 0)
                cli_finish(d->cli, cli_fail(d->cli, EXIT_OTHER, "authd could not be asked: %s.", strerror(-r)));
}

static void on_broken(struct attempt *a, const sd_bus_error *error, void *userdata)
{
        struct addition *d = userdata;

        cli_finish(d->cli, cli_fail_bus(d->cli, error));
}

static int look(struct addition *d, enum attempt_kind kind)
{
        static const struct attempt_events events = { .changed = on_view, .broken = on_broken };
        const struct attempt_request request = {
                .kind = kind,
                .account = d->chosen.id,
                .ticket = BYTES(d->ticket, d->ticket_size),
                .camera = d->cli->camera,
        };

        d->attempt = attempt_free(d->attempt);
        return cli_wait(d->cli, attempt_start(d->cli->bus, &request, &events, d, &d->attempt));
}

/* The match is good for half a minute. Without a terminal there is nobody to wait for. */
static void wait_for_look(const struct cli *cli)
{
        _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        char line[80];

        print_event(cli, "matched", NULL,
                    "That is you. Now put on what you want to be known with, within half a minute.");
        if (tty < 0 || cli->json)
                return;
        dprintf(tty, "Press Return when you are ready. ");
        (void) !read(tty, line, sizeof(line));
}

int command_add_look(struct cli *cli, int argc, char *argv[])
{
        struct addition d = { .cli = cli };
        int r;

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; --account NAME chooses an account.",
                                argv[0]);
        r = cli_account(cli, &d.chosen);
        if (r == EXIT_OK)
                r = look(&d, ATTEMPT_VERIFY);
        if (r == EXIT_OK) {
                d.matched = true;
                wait_for_look(cli);
                r = look(&d, ATTEMPT_ADD_LOOK);
        }
        if (r == EXIT_OK)
                print_event(cli, "added", d.chosen.id, "This look opens the account from now on, as the others do.");
        attempt_free(d.attempt);
        explicit_bzero(d.ticket, sizeof(d.ticket));
        return r;
}
