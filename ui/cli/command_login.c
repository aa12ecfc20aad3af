/* visavis signup, visavis login: face and PIN, and an agent that keeps the unlock.
 *
 * A child does all of it from the start, since neither a bus connection nor a secret survives fork(2). The parent
 * leaves with the child's exit code as soon as there is one; after success the child stays behind as the agent:
 *
 *     child:  PIN ─▶ face ─▶ vault ─▶ account ─▶ agent's socket ─▶ code to the parent ─▶ no terminal ─▶ serve
 * ─(locked)─▶ end  */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/agent.h"
#include "ui/cli/camera_words.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/pin.h"
#include "ui/client/login.h"

struct entry {
        struct cli *cli;
        const char *address; /* of a sign-up; NULL: a log-in */
        struct cli_account chosen;
        struct login *login;
        struct account *account;
        struct agent *agent;
        struct camera_words words;
};

static void on_view(struct login *l, const struct attempt_view *v, void *userdata)
{
        struct entry *e = userdata;

        camera_words_show(e->cli, &e->words, v);
}

static void on_opening(struct login *l, void *userdata)
{
        struct entry *e = userdata;

        print_event(e->cli, "opening", NULL,
                    e->address ? "Your face is enrolled. Making the vault and registering the name …"
                               : "That is you. Opening the vault …");
}

static void on_done(struct login *l, const char *path, const sd_bus_error *error, void *userdata)
{
        struct entry *e = userdata;

        if (!error)
                snprintf(e->chosen.path, sizeof(e->chosen.path), "%s", path);
        else if (!e->cli->json && isatty(STDOUT_FILENO))
                printf("\r\033[K");
        cli_finish(e->cli, error ? cli_fail_bus(e->cli, error) : EXIT_OK);
}

static void on_ready(struct account *a, void *userdata)
{
        struct entry *e = userdata;

        cli_finish(e->cli, EXIT_OK);
}

static void on_locked(struct account *a, void *userdata)
{
        struct entry *e = userdata;

        cli_finish(e->cli, e->agent ? EXIT_OK
                                    : cli_fail(e->cli, EXIT_LOCKED,
                                               "The account was locked at once by another program. Log in again."));
}

static const struct login_events login_events = { .changed = on_view, .opening = on_opening, .done = on_done };
static const struct account_events account_events = { .ready = on_ready, .locked = on_locked };

/* Face, PIN, vault: the account is unlocked for this process afterwards. */
static int open_vault(struct entry *e)
{
        _cleanup_secret_ struct secret *invitation = NULL;
        struct cli *cli = e->cli;
        struct secret *pin;
        int r = e->address ? cli_connect(cli) : cli_account(cli, &e->chosen);

        if (r == EXIT_OK)
                r = invitation_read(cli, &invitation);
        if (r == EXIT_OK)
                r = pin_read(cli, e->address ? FACTOR_NEW : cli_factor(cli), &pin);
        if (r != EXIT_OK)
                return r;
        const struct login_request request = {
                .account = e->address ? NULL : e->chosen.id,
                .path = e->chosen.path,
                .address = e->address,
                .invitation = invitation,
                .suite = cli->suite,
                .camera = cli->camera,
                .without_face = e->address || cli_factor(cli) == FACTOR_CURRENT ? NULL : cli->without_face,
        };
        return cli_wait(cli, login_start(cli->bus, &request, pin, &login_events, e, &e->login));
}

/* Learns the account's id and address, and opens the socket. */
static int become_agent(struct entry *e)
{
        struct cli *cli = e->cli;
        int r = cli_wait(cli, account_open(cli->bus, e->chosen.path, &account_events, e, &e->account));

        if (r != EXIT_OK)
                return r;
        r = agent_new(cli->bus, account_id(e->account), e->chosen.path, &e->agent);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER,
                                "The log-in cannot be kept, for its socket could not be made: %s. See that "
                                "XDG_RUNTIME_DIR names a directory that is yours alone, and log in again.",
                                strerror(-r));
        char text[ADDRESS_TEXT_MAX + 32];
        snprintf(text, sizeof(text), "%s is %s.", account_address(e->account),
                 e->address ? "signed up and logged in" : "logged in");
        print_event(cli, "unlocked", account_address(e->account), text);
        return EXIT_OK;
}

/* From here on the process belongs to no terminal and holds nothing of whoever started it. */
static int leave_terminal(void)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        fflush(NULL);
        if (null < 0 || setsid() < 0 || chdir("/") < 0)
                return -errno;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (dup2(null, fd) < 0)
                        return -errno;
        return prctl(PR_SET_PDEATHSIG, 0) < 0 ? -errno : 0;
}

static void close_entry(struct entry *e)
{
        e->agent = agent_free(e->agent);
        e->account = account_free(e->account);
        e->login = login_free(e->login);
        cli_disconnect(e->cli);
}

/* The child's life. @report: where the parent waits for the exit code. */
static int run(struct entry *e, int report)
{
        int code = open_vault(e);

        e->login = login_free(e->login);
        if (code == EXIT_OK)
                code = become_agent(e);
        if (code == EXIT_OK && leave_terminal() < 0)
                code = cli_fail(e->cli, EXIT_OTHER, "The log-in cannot be kept in the background. Try again.");
        fflush(NULL);
        unsigned char byte = (unsigned char) code;
        bool told = write(report, &byte, 1) == 1;
        close(report);
        if (code == EXIT_OK && told)
                (void) cli_wait(e->cli, 0);
        close_entry(e);
        return code;
}

/* The code that the child reports, or how it ended if it could not. */
static int wait_for(pid_t child, int report)
{
        unsigned char code;
        int status;
        ssize_t n;

        do
                n = read(report, &code, 1);
        while (n < 0 && errno == EINTR);
        if (n == 1)
                return code;
        if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
                return 128 + WTERMSIG(status);
        return EXIT_OTHER;
}

static int enter(struct cli *cli, const char *address)
{
        struct entry e = { .cli = cli, .address = address };
        int report[2];
        pid_t child;

        /* The PIN passes through here: no other program of the person's may read this one's memory. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || pipe2(report, O_CLOEXEC) < 0)
                return cli_fail(cli, EXIT_OTHER, "The log-in could not be started: %s. Try again.", strerror(errno));
        fflush(NULL);
        child = fork();
        if (child < 0)
                return cli_fail(cli, EXIT_OTHER, "No process could be started: %s. Try again.", strerror(errno));
        if (child == 0) {
                close(report[0]);
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                _exit(run(&e, report[1]));
        }
        close(report[1]);
        int code = wait_for(child, report[0]);
        close(report[0]);
        return code;
}

int command_signup(struct cli *cli, int argc, char *argv[])
{
        const char *reason = NULL;
        struct address address;

        if (argc != 1)
                return cli_fail(cli, EXIT_USAGE, "Say which address you want: visavis signup NAME@HOST:PORT#KEY");
        if (address_parse(argv[0], &address, &reason) < 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is not an address: %s", argv[0], reason);
        return enter(cli, argv[0]);
}

int command_login(struct cli *cli, int argc, char *argv[])
{
        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many; --account NAME chooses an account.",
                                argv[0]);
        return enter(cli, NULL);
}
