/* What the CLI's commands share: options, exit codes, the bus, the account that is meant, ways to end with an error.
 *
 * A command asks through ui/client/, whose answers come to callbacks, and runs the event loop until one of them says
 * that the step is over:
 *
 *     account_send(…, on_sent, cli) ─▶ cli_wait(cli) ─▶ on_sent: cli_finish(cli, EXIT_OK) ─▶ cli_wait() returns it  */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "services/address.h"
#include "ui/client/account.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"

enum exit_code {
        EXIT_OK = 0,
        EXIT_OTHER = 1,
        EXIT_USAGE = 2,
        EXIT_FACE_REFUSED = 3,
        EXIT_FACTOR_REFUSED = 4,
        EXIT_LOCKED = 5,
        EXIT_HUB = 6,
        EXIT_NOT_FOUND = 7,
        EXIT_THROTTLED = 8,
        EXIT_NOT_VERIFIED = 9,
};

struct cli {
        /* Options; NULL, -1, 0 or false if not given. */
        const char *bus_address;
        const char *account; /* id, name or address */
        const char *camera;
        const char *suite;
        const char *without_face; /* --recovery, --passphrase: the kind of factor */
        int pin_fd, new_pin_fd, invitation_fd, scanned_fd;
        const char *number; /* a safety number */
        bool invitation;    /* to be asked for */
        bool local;
        bool yes;            /* instead of asking */
        const char *output;  /* the file to write */
        uint64_t offset;     /* in an opened file */
        const char *to;      /* whom a file is sealed for */
        const char *from;    /* who has to have sealed one */
        bool legacy_cbc;     /* the envelope of older chat tools */
        const char *state;   /* of a hub */
        const char *expires; /* of an invitation */
        unsigned uses;
        unsigned last;
        uint64_t since; /* microseconds since 1970; 0: not said */
        const char *in; /* the conversation to search in */
        bool json;
        bool follow;
        bool all;     /* also conversations that are archived */
        bool numbers; /* of messages are shown */
        bool voice;   /* a file is a voice message */

        sd_event *event;
        sd_bus *bus;
        struct calls calls;
        bool over; /* the step that cli_wait() waits for */
        int code;
};

/* An account of the person's, whether it is locked or not. */
struct cli_account {
        char path[256];
        char id[33];
        char address[ADDRESS_TEXT_MAX];
        bool unlocked;
};

/* Each gets its own arguments (without its name) and returns an exit_code. */
int command_signup(struct cli *cli, int argc, char *argv[]);
int command_login(struct cli *cli, int argc, char *argv[]);
int command_slots(struct cli *cli, int argc, char *argv[]);
int command_recovery(struct cli *cli, int argc, char *argv[]);
int command_add_look(struct cli *cli, int argc, char *argv[]);
int command_looks(struct cli *cli, int argc, char *argv[]);
int command_identify(struct cli *cli, int argc, char *argv[]);
int command_lock(struct cli *cli, int argc, char *argv[]);
int command_status(struct cli *cli, int argc, char *argv[]);
int command_accounts(struct cli *cli, int argc, char *argv[]);
int command_online(struct cli *cli, int argc, char *argv[]);
int command_offline(struct cli *cli, int argc, char *argv[]);
int command_send(struct cli *cli, int argc, char *argv[]);
int command_read(struct cli *cli, int argc, char *argv[]);
int command_conversations(struct cli *cli, int argc, char *argv[]);
int command_update(struct cli *cli, int argc, char *argv[]);
int command_reply(struct cli *cli, int argc, char *argv[]);
int command_edit(struct cli *cli, int argc, char *argv[]);
int command_react(struct cli *cli, int argc, char *argv[]);
int command_delete(struct cli *cli, int argc, char *argv[]);
int command_forward(struct cli *cli, int argc, char *argv[]);
int command_pin(struct cli *cli, int argc, char *argv[]);
int command_unpin(struct cli *cli, int argc, char *argv[]);
int command_pinned(struct cli *cli, int argc, char *argv[]);
int command_draft(struct cli *cli, int argc, char *argv[]);
int command_disappear(struct cli *cli, int argc, char *argv[]);
int command_keep(struct cli *cli, int argc, char *argv[]);
int command_receipts(struct cli *cli, int argc, char *argv[]);
int command_watch(struct cli *cli, int argc, char *argv[]);
int command_notify(struct cli *cli, int argc, char *argv[]);
int command_mute(struct cli *cli, int argc, char *argv[]);
int command_unmute(struct cli *cli, int argc, char *argv[]);
int command_archive(struct cli *cli, int argc, char *argv[]);
int command_unarchive(struct cli *cli, int argc, char *argv[]);
int command_typing(struct cli *cli, int argc, char *argv[]);
int command_unread(struct cli *cli, int argc, char *argv[]);
int command_rename(struct cli *cli, int argc, char *argv[]);
int command_idle_lock(struct cli *cli, int argc, char *argv[]);
int command_destroy(struct cli *cli, int argc, char *argv[]);
int command_admin(struct cli *cli, int argc, char *argv[]);
int command_unregister(struct cli *cli, int argc, char *argv[]);
int command_contact(struct cli *cli, int argc, char *argv[]);
int command_group(struct cli *cli, int argc, char *argv[]);
int command_search(struct cli *cli, int argc, char *argv[]);
int command_export(struct cli *cli, int argc, char *argv[]);
int command_clear(struct cli *cli, int argc, char *argv[]);
int command_file(struct cli *cli, int argc, char *argv[]);
int command_room(struct cli *cli, int argc, char *argv[]);
int command_seal(struct cli *cli, int argc, char *argv[]);
int command_open(struct cli *cli, int argc, char *argv[]);
int command_hubs(struct cli *cli, int argc, char *argv[]);
int command_hub(struct cli *cli, int argc, char *argv[]);

/* Prints "visavis: " and the sentence to stderr, or {"event":"error","code":…,"text":…} to stdout with --json; returns
 * @code. The sentence is sanitised as a whole. */
int cli_fail(const struct cli *cli, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for an error from the bus: its sentence, and the exit code that its name stands for. */
int cli_fail_bus(const struct cli *cli, const sd_bus_error *error);

/* The vaults of this machine that cannot be opened, whosever they are, and why. */
void cli_each_unopened(struct cli *cli, void (*each)(struct cli *cli, const char *id, const char *why));

/* Asks a yes-or-no question on the terminal. EXIT_OK for yes; else it has been said that nothing changes, or, if there
 * is no terminal, what to say @instead (an option). */
int cli_ask(const struct cli *cli, const char *question, const char *instead);

/* Connects cli->bus to the bus and both to cli->event, if that has not been done: EXIT_OK, or the error has been
 * printed. */
int cli_connect(struct cli *cli);

/* Calls a method of cryptod's, with arguments as sd_bus_message_append(3) takes them, and waits for the answer, which
 * is the caller's (@reply may be NULL). EXIT_OK, or the error has been printed. */
int cli_call(struct cli *cli, const char *path, const char *interface, const char *member, sd_bus_message **reply,
             const char *types, ...);

/* The same with a message that the caller has made. */
int cli_call_message(struct cli *cli, sd_bus_message *m, sd_bus_message **reply);

/* Says that an answer was malformed. */
int cli_misunderstood(const struct cli *cli);

/* Drops all calls and leaves the bus. */
void cli_disconnect(struct cli *cli);

/* Runs the loop until cli_finish() is called and returns its code. @r is what the call that is waited for returned when
 * it was made: if it is an error, that is printed instead. */
int cli_wait(struct cli *cli, int r);
void cli_finish(struct cli *cli, int code);

/* The account that is meant: the one that --account names, or the only one. EXIT_OK, or the error has been printed. */
int cli_account(struct cli *cli, struct cli_account *out);

/* As cli_account(), and makes sure that this process shares the account's unlock, through the agent that `visavis
 * login` left behind. */
int cli_unlocked_account(struct cli *cli, struct cli_account *out);
