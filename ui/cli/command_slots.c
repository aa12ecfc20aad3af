/* visavis slots, visavis recovery: what opens an account. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "services/cleanup.h"
#include "ui/cli/camera_words.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/pin.h"

enum { TICKET_SIZE_MAX = 256, WORDS_SIZE_MAX = 1024, CALL_USEC = 60 * 1000 * 1000 };

/* One change of the slots: the fresh factor that it needs. */
struct proof {
        struct cli *cli;
        struct cli_account chosen;
        struct camera_words words;
        struct attempt *attempt;
        struct secret *factor;
        uint8_t ticket[TICKET_SIZE_MAX];
        size_t ticket_size;
};

static void proof_release(struct proof *p)
{
        attempt_free(p->attempt);
        secret_free(p->factor);
}

static void on_ticket(struct bytes ticket, const sd_bus_error *error, void *userdata)
{
        struct proof *p = userdata;

        if (error || ticket.size > TICKET_SIZE_MAX) {
                cli_finish(p->cli, error ? cli_fail_bus(p->cli, error)
                                         : cli_fail(p->cli, EXIT_OTHER, "authd made a ticket that is not one."));
                return;
        }
        memcpy(p->ticket, ticket.data, ticket.size);
        p->ticket_size = ticket.size;
        cli_finish(p->cli, EXIT_OK);
}

static void on_view(struct attempt *a, const struct attempt_view *v, void *userdata)
{
        struct proof *p = userdata;
        int r = 0;

        if (v->state == ATTEMPT_FAILED || v->state == ATTEMPT_CANCELLED) {
                cli_finish(p->cli, cli_fail(p->cli, EXIT_FACE_REFUSED, "%s",
                                            *v->failure_text ? v->failure_text : "The face was not recognised."));
                return;
        }
        camera_words_show(p->cli, &p->words, v);
        if (v->state == ATTEMPT_SUCCEEDED)
                r = attempt_take_ticket(a, on_ticket, p);
        if (r < 0)
                cli_finish(p->cli, cli_fail(p->cli, EXIT_OTHER, "authd could not be asked: %s.", strerror(-r)));
}

static void on_broken(struct attempt *a, const sd_bus_error *error, void *userdata)
{
        struct proof *p = userdata;

        cli_finish(p->cli, cli_fail_bus(p->cli, error));
}

static const struct attempt_events events = { .changed = on_view, .broken = on_broken };

/* The unlock that this process shares, the factor, and, if a @face is needed for the new slot, a ticket of what it does
 * before the camera. */
static int prove(struct cli *cli, bool face, enum attempt_kind before_camera, struct proof *p)
{
        int r;

        p->cli = cli;
        (void) prctl(PR_SET_DUMPABLE, 0);
        r = cli_unlocked_account(cli, &p->chosen);
        if (r == EXIT_OK)
                r = pin_read(cli, cli_factor(cli), &p->factor);
        if (r != EXIT_OK || (!face && cli->without_face))
                return r;
        const struct attempt_request request = { .kind = before_camera,
                                                 .account = p->chosen.id,
                                                 .camera = cli->camera };

        return cli_wait(cli, attempt_start(cli->bus, &request, &events, p, &p->attempt));
}

static int new_call(const struct proof *p, const char *member, sd_bus_message **out)
{
        return sd_bus_message_new_method_call(p->cli->bus, out, "im.visavis.Crypto1", p->chosen.path, CRYPTO_SLOTS,
                                              member);
}

static int append_secret(sd_bus_message *m, const struct secret *s)
{
        _cleanup_close_ int fd = -1;
        int r = secret_to_fd(s, &fd);

        return r < 0 ? r : sd_bus_message_append(m, "h", fd);
}

static int append_proof(sd_bus_message *m, const struct proof *p)
{
        int r = sd_bus_message_append(m, "s", p->cli->without_face ? p->cli->without_face : "face");

        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', p->ticket, p->ticket_size);
        return r < 0 ? r : append_secret(m, p->factor);
}

/* Calls @m, unless making it failed (@r). EXIT_OK, or the error has been printed. */
static int call(const struct proof *p, int r, sd_bus_message *m, sd_bus_message **reply)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (r >= 0)
                r = sd_bus_call(p->cli->bus, m, CALL_USEC, &error, reply);
        if (r >= 0)
                return EXIT_OK;
        return sd_bus_error_is_set(&error)
                       ? cli_fail_bus(p->cli, &error)
                       : cli_fail(p->cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
}

static void print_slot(const struct cli *cli, uint32_t number, const char *kind, const char *label, uint64_t created)
{
        _cleanup_free_ char *safe = output_sanitise(label, false);
        char date[32];

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "number", json_object_new_int64(number));
                json_object_object_add(o, "kind", json_object_new_string(kind));
                json_object_object_add(o, "label", json_object_new_string(label));
                json_object_object_add(o, "created_usec", json_object_new_uint64(created));
                output_json(o);
                return;
        }
        output_time(created, date);
        printf("%u  %-10s  %-16s  %s\n", number, *kind ? kind : "unknown", date, safe);
}

static int list_slots(struct cli *cli)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        struct proof p = { .cli = cli };
        const char *kind, *label;
        uint32_t number;
        uint64_t created;
        int r = cli_account(cli, &p.chosen);

        if (r != EXIT_OK)
                return r;
        r = new_call(&p, "List", &m);
        r = call(&p, r, m, &reply);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(usst)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(usst)", &number, &kind, &label, &created)) > 0)
                print_slot(cli, number, kind, label, created);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "cryptod listed the slots in a form that is not understood here.")
                     : EXIT_OK;
}

static int add(struct cli *cli, const char *kind, enum attempt_kind before_camera, const char *label)
{
        _cleanup_(proof_release) struct proof p = { 0 };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_secret_ struct secret *new = NULL;
        int r = pin_read(cli, FACTOR_NEW, &new);

        if (r == EXIT_OK)
                r = prove(cli, strcmp(kind, "face") == 0, before_camera, &p);
        if (r != EXIT_OK)
                return r;
        r = new_call(&p, "Add", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", kind, label);
        if (r >= 0)
                r = append_secret(m, new);
        if (r >= 0)
                r = append_proof(m, &p);
        return call(&p, r, m, NULL);
}

/* A face whose enrolment was removed cannot prove anything, so something else has to. */
static int enrol(struct cli *cli, const char *label)
{
        if (!cli->without_face)
                return cli_fail(cli, EXIT_USAGE,
                                "A face is enrolled anew with what opens the account without one: add --recovery, or "
                                "--passphrase.");
        return add(cli, "face", ATTEMPT_ENROL, label);
}

static int change(struct cli *cli, uint32_t number)
{
        _cleanup_(proof_release) struct proof p = { 0 };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_secret_ struct secret *new = NULL;
        int r = pin_read(cli, FACTOR_NEW, &new);

        if (r == EXIT_OK)
                r = prove(cli, cli_factor(cli) != FACTOR_PASSPHRASE, ATTEMPT_VERIFY, &p);
        if (r != EXIT_OK)
                return r;
        r = new_call(&p, "Change", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "u", number);
        if (r >= 0)
                r = append_secret(m, new);
        if (r >= 0)
                r = append_proof(m, &p);
        return call(&p, r, m, NULL);
}

static int remove_slot(struct cli *cli, uint32_t number)
{
        _cleanup_(proof_release) struct proof p = { 0 };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = prove(cli, false, ATTEMPT_VERIFY, &p);

        if (r != EXIT_OK)
                return r;
        r = new_call(&p, "Remove", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "u", number);
        if (r >= 0)
                r = append_proof(m, &p);
        return call(&p, r, m, NULL);
}

int command_slots(struct cli *cli, int argc, char *argv[])
{
        unsigned long number = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

        if (argc == 0)
                return list_slots(cli);
        if (argc == 2 && strcmp(argv[0], "add") == 0)
                return add(cli, "face", ATTEMPT_VERIFY, argv[1]);
        if (argc == 2 && strcmp(argv[0], "enrol") == 0)
                return enrol(cli, argv[1]);
        if (argc == 2 && strcmp(argv[0], "add-passphrase") == 0)
                return add(cli, "passphrase", ATTEMPT_VERIFY, argv[1]);
        if (number >= 1 && number <= 8 && strcmp(argv[0], "change") == 0)
                return change(cli, (uint32_t) number);
        if (number >= 1 && number <= 8 && strcmp(argv[0], "remove") == 0)
                return remove_slot(cli, (uint32_t) number);
        return cli_fail(
                cli, EXIT_USAGE,
                "Say add, enrol or add-passphrase and a label, or change or remove and a slot's number, 1 to 8.");
}

/* Shows the words on the terminal or, if there is none to clear, on standard output. */
static int show_code(struct cli *cli, sd_bus_message *reply)
{
        _cleanup_secret_ struct secret *words = NULL;
        int fd, r = sd_bus_message_read(reply, "h", &fd);

        if (r >= 0)
                r = secret_from_fd(fd, WORDS_SIZE_MAX, true, &words);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "The recovery code could not be read: %s. Try again.", strerror(-r));
        if (!cli->json)
                puts("Write these words on paper, in this order. They are not shown again:\n");
        printf("%.*s\n", (int) words->size, (const char *) words->data);
        if (!cli->json)
                puts("\nNow type them back; four letters of each are enough.");
        fflush(stdout);
        return EXIT_OK;
}

static int confirm(struct cli *cli, const struct proof *p)
{
        int r;

        do {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
                _cleanup_secret_ struct secret *typed = NULL;

                if (cli->new_pin_fd >= 0)
                        cli->pin_fd = cli->new_pin_fd;
                r = pin_read(cli, FACTOR_RECOVERY, &typed);
                if (r != EXIT_OK)
                        return r;
                r = new_call(p, "ConfirmRecovery", &m);
                if (r >= 0)
                        r = append_secret(m, typed);
                r = call(p, r, m, NULL);
        } while (r == EXIT_FACTOR_REFUSED && cli->pin_fd < 0);
        return r;
}

int command_recovery(struct cli *cli, int argc, char *argv[])
{
        _cleanup_(proof_release) struct proof p = { 0 };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        if (argc > 1)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; put a label of several in quotes.",
                                argv[1]);
        r = prove(cli, false, ATTEMPT_VERIFY, &p);
        if (r != EXIT_OK)
                return r;
        r = new_call(&p, "OfferRecovery", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", argc == 1 ? argv[0] : "recovery code");
        if (r >= 0)
                r = append_proof(m, &p);
        r = call(&p, r, m, &reply);
        if (r == EXIT_OK)
                r = show_code(cli, reply);
        if (r == EXIT_OK)
                r = confirm(cli, &p);
        if (r == EXIT_OK && !cli->json)
                puts("The recovery code opens the account from now on: visavis login --recovery");
        return r;
}
