/* visavis looks, visavis add-look: the looks of the face that opens an account. They change after a match with one of
 * them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/camera_words.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/client/attempt.h"

enum { TICKET_SIZE_MAX = 256 };

struct change {
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
        struct change *d = userdata;

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
        struct change *d = userdata;
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
        struct change *d = userdata;

        cli_finish(d->cli, cli_fail_bus(d->cli, error));
}

static int look_at(struct change *d, enum attempt_kind kind)
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

static void change_release(struct change *d)
{
        attempt_free(d->attempt);
        explicit_bzero(d->ticket, sizeof(d->ticket));
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

/* A call of authd's about the account, to which arguments may be added. */
static int begin_call(struct cli *cli, const char *method, const char *account, sd_bus_message **out)
{
        int r = sd_bus_message_new_method_call(cli->bus, out, AUTH_SERVICE, AUTH_PATH, AUTH_MANAGER, method);

        return r < 0 ? r : sd_bus_message_append(*out, "s", account);
}

static void print_look(const struct cli *cli, unsigned look, unsigned pictures)
{
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "look", json_object_new_int64(look));
                json_object_object_add(o, "pictures", json_object_new_int64(pictures));
                output_json(o);
        } else
                printf("%u  %s, %u pictures\n", look, look == 0 ? "enrolled" : "added", pictures);
}

static int list_looks(struct cli *cli)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        struct cli_account chosen;
        uint32_t pictures;
        uint8_t look;
        int code = cli_account(cli, &chosen), r;

        if (code != EXIT_OK)
                return code;
        if (begin_call(cli, "ListLooks", chosen.id, &m) < 0)
                return cli_misunderstood(cli);
        code = cli_call_message(cli, m, &reply);
        if (code != EXIT_OK)
                return code;
        r = sd_bus_message_enter_container(reply, 'a', "(yu)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(yu)", &look, &pictures)) > 0)
                print_look(cli, look, pictures);
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int call_remove(const struct change *d, unsigned look)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = begin_call(d->cli, "RemoveLook", d->chosen.id, &m);

        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', d->ticket, d->ticket_size);
        if (r >= 0)
                r = sd_bus_message_append(m, "y", look);
        return r < 0 ? cli_misunderstood(d->cli) : cli_call_message(d->cli, m, NULL);
}

static int remove_look(struct cli *cli, const char *number)
{
        struct change d = { .cli = cli };
        char *end;
        unsigned long look = strtoul(number, &end, 10);

        if (*number < '0' || *number > '9' || *end || look >= 255)
                return cli_fail(cli, EXIT_USAGE, "“%s” is no number of a look; visavis looks shows them.", number);
        int r = cli_account(cli, &d.chosen);

        if (r == EXIT_OK)
                r = look_at(&d, ATTEMPT_VERIFY);
        if (r == EXIT_OK)
                r = call_remove(&d, (unsigned) look);
        if (r == EXIT_OK)
                print_event(cli, "removed", d.chosen.id, "This look opens the account no more.");
        change_release(&d);
        return r;
}

int command_looks(struct cli *cli, int argc, char *argv[])
{
        if (argc == 0)
                return list_looks(cli);
        if (argc != 2 || strcmp(argv[0], "remove") != 0)
                return cli_fail(cli, EXIT_USAGE, "Say “visavis looks” or “visavis looks remove NUMBER”.");
        return remove_look(cli, argv[1]);
}

int command_add_look(struct cli *cli, int argc, char *argv[])
{
        struct change d = { .cli = cli };
        int r;

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; --account NAME chooses an account.",
                                argv[0]);
        r = cli_account(cli, &d.chosen);
        if (r == EXIT_OK)
                r = look_at(&d, ATTEMPT_VERIFY);
        if (r == EXIT_OK) {
                d.matched = true;
                wait_for_look(cli);
                r = look_at(&d, ATTEMPT_ADD_LOOK);
        }
        if (r == EXIT_OK)
                print_event(cli, "added", d.chosen.id, "This look opens the account from now on, as the others do.");
        change_release(&d);
        return r;
}
