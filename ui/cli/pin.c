/* The second factor, as the person gives it to the CLI. */
#include "ui/cli/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/text.h"
#include "ui/client/login.h"

enum { INVITATION_SIZE_MAX = 128 };

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
        caught = number;
}

/* Reads a line. The signals of @mask are let in only while it waits, so that none is missed. */
static int read_line(int tty, const sigset_t *mask, struct secret *buffer, size_t *size)
{
        struct pollfd fd = { .fd = tty, .events = POLLIN };
        size_t n = 0;

        while (n < buffer->size) {
                if (ppoll(&fd, 1, NULL, mask) < 0)
                        return -errno;
                ssize_t r = read(tty, buffer->data + n, 1);
                if (r < 0)
                        return -errno;
                if (r == 0 || buffer->data[n] == '\n')
                        break;
                n++;
        }
        *size = n;
        return 0;
}

/* Asks with echo off; a signal that ends the program first has echo switched on again. */
static int ask(int tty, const char *prompt, struct secret **out)
{
        static const int endings[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
        _cleanup_secret_ struct secret *buffer = secret_new(PIN_SIZE_MAX + 1);
        const struct sigaction note = { .sa_handler = on_signal };
        struct sigaction before[COUNT_OF(endings)];
        struct termios shown, hidden;
        sigset_t blocked, before_mask, waiting;
        size_t size = 0;
        int r;

        if (tcgetattr(tty, &shown) < 0)
                return -errno;
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t) (ECHO | ECHONL);
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTSTP);
        for (unsigned i = 0; i < COUNT_OF(endings); i++)
                sigaddset(&blocked, endings[i]);
        sigprocmask(SIG_BLOCK, &blocked, &before_mask);
        waiting = before_mask;
        sigaddset(&waiting, SIGTSTP);
        for (unsigned i = 0; i < COUNT_OF(endings); i++)
                sigaction(endings[i], &note, &before[i]);
        caught = 0;
        r = tcsetattr(tty, TCSAFLUSH, &hidden) < 0 || write(tty, prompt, strlen(prompt)) < 0 ? -errno : 0;
        if (r >= 0)
                r = read_line(tty, &waiting, buffer, &size);
        tcsetattr(tty, TCSAFLUSH, &shown);
        (void) !write(tty, "\n", 1);
        for (unsigned i = 0; i < COUNT_OF(endings); i++)
                sigaction(endings[i], &before[i], NULL);
        sigprocmask(SIG_SETMASK, &before_mask, NULL);
        if (caught)
                raise(caught);
        if (r < 0)
                return r;
        *out = secret_copy(BYTES(buffer->data, size));
        return 0;
}

enum factor_wanted cli_factor(const struct cli *cli)
{
        if (!cli->without_face)
                return FACTOR_CURRENT;
        return strcmp(cli->without_face, "recovery") == 0 ? FACTOR_RECOVERY : FACTOR_PASSPHRASE;
}

static const char *name_of(enum factor_wanted wanted)
{
        return wanted == FACTOR_INVITATION ? "invitation" : "PIN";
}

static const char *option_of(enum factor_wanted wanted)
{
        return wanted == FACTOR_INVITATION ? "--invitation-fd" : "--pin-fd";
}

static int ask_on_terminal(const struct cli *cli, enum factor_wanted wanted, struct secret **out)
{
        static const char *const prompts[] = { [FACTOR_CURRENT] = "PIN or passphrase: ",
                                               [FACTOR_NEW] = "New PIN or passphrase: ",
                                               [FACTOR_RECOVERY] = "The 15 words of the recovery code: ",
                                               [FACTOR_PASSPHRASE] = "Passphrase: ",
                                               [FACTOR_INVITATION] = "Invitation: ",
                                               [FACTOR_ENVELOPE] = "Passphrase of the envelope: ",
                                               [FACTOR_NEW_ENVELOPE] = "Passphrase for the envelope: " };
        const bool twice = wanted == FACTOR_NEW || wanted == FACTOR_NEW_ENVELOPE;
        _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        _cleanup_secret_ struct secret *first = NULL, *second = NULL;
        int r;

        if (tty < 0)
                return cli_fail(cli, EXIT_USAGE, "There is no terminal to ask for the %s; give it with %s.",
                                name_of(wanted), option_of(wanted));
        r = ask(tty, prompts[wanted], &first);
        if (r >= 0 && twice)
                r = ask(tty, "The same again: ", &second);
        if (r < 0)
                return cli_fail(cli, EXIT_OTHER, "The terminal could not be read: %s. Give the %s with %s.",
                                strerror(-r), name_of(wanted), option_of(wanted));
        if (twice && !secret_equal(secret_bytes(first), secret_bytes(second)))
                return cli_fail(cli, EXIT_USAGE, "The two are not the same; nothing was changed. Try again.");
        *out = TAKE(first);
        return EXIT_OK;
}

static int read_descriptor(const struct cli *cli, enum factor_wanted wanted, int fd, struct secret **out)
{
        int r = secret_from_fd(fd, PIN_SIZE_MAX, true, out);

        if (fd > STDERR_FILENO) /* another file in a standard place would be taken for it */
                close(fd);
        if (r >= 0)
                return EXIT_OK;
        if (r == -EINVAL)
                return cli_fail(cli, EXIT_USAGE,
                                "File descriptor %d is no pipe, socket or memfd; give the %s through one of these.", fd,
                                name_of(wanted));
        return cli_fail(cli, EXIT_USAGE,
                        "No %s could be read from file descriptor %d: %s. Write it there and close it.",
                        name_of(wanted), fd, strerror(-r));
}

int pin_read(const struct cli *cli, enum factor_wanted wanted, struct secret **out)
{
        _cleanup_secret_ struct secret *pin = NULL;
        int fd = wanted == FACTOR_NEW && cli->new_pin_fd >= 0 ? cli->new_pin_fd : cli->pin_fd;
        int r = fd >= 0 ? read_descriptor(cli, wanted, fd, &pin) : ask_on_terminal(cli, wanted, &pin);

        if (r != EXIT_OK)
                return r;
        size_t least = wanted == FACTOR_ENVELOPE || wanted == FACTOR_NEW_ENVELOPE ? 1 : PIN_SIZE_MIN;
        if (pin->size < least || pin->size > PIN_SIZE_MAX || !utf8_valid(secret_bytes(pin)))
                return cli_fail(cli, EXIT_USAGE,
                                "A PIN or passphrase has %zu to %d bytes of UTF-8; this has not. Choose another one.",
                                least, PIN_SIZE_MAX);
        *out = TAKE(pin);
        return EXIT_OK;
}

int invitation_read(const struct cli *cli, struct secret **out)
{
        _cleanup_secret_ struct secret *token = NULL;
        int r = EXIT_OK;

        if (cli->invitation_fd >= 0)
                r = read_descriptor(cli, FACTOR_INVITATION, cli->invitation_fd, &token);
        else if (cli->invitation)
                r = ask_on_terminal(cli, FACTOR_INVITATION, &token);
        if (r != EXIT_OK)
                return r;
        if (token && (token->size == 0 || token->size > INVITATION_SIZE_MAX || memchr(token->data, 0, token->size)))
                return cli_fail(cli, EXIT_USAGE, "That is no invitation: it has 1 to %d characters.",
                                INVITATION_SIZE_MAX);
        *out = TAKE(token);
        return EXIT_OK;
}
