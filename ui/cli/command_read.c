/* visavis read, conversations.
 *
 *     find the conversation ─▶ print the last messages ─▶ done, or with --follow:
 *     wait ─(MessageAdded)─▶ print what is newer than the last one printed ─▶ wait … until the account locks  */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/output_said.h"
#include "ui/cli/session.h"

/* The most that one Read answers with, and what is shown if nobody says how many. */
enum { PAGE = 500, LAST_DEFAULT = 20 };

struct reading {
        struct session s;
        uint64_t after; /* the last message printed */
        uint64_t from;  /* the first to be printed; 0: of the last ones */
        bool busy;      /* Read is under way */
        bool more;      /* … and something came since */
        bool any;       /* there was no conversation yet: follow the first that begins */
};

static void print_newer(struct reading *r);

static void on_marked(sd_bus_message *reply, const sd_bus_error *error, void *userdata)
{
        struct cli *cli = userdata;

        cli_finish(cli, error ? cli_fail_bus(cli, error) : EXIT_OK);
}

/* A command that ends waits for the answer: cryptod looks who has called, and hears nobody who has left the bus. */
static void mark_read(struct reading *r)
{
        struct cli *cli = r->s.cli;

        if (cli->follow)
                account_mark_read(r->s.account, r->s.conversation, r->after);
        else if (calls_method(&cli->calls, cli->bus, CRYPTO_SERVICE, r->s.chosen.path, CRYPTO_MESSAGES, "MarkRead",
                              on_marked, cli, "st", r->s.conversation, r->after) < 0)
                cli_finish(cli, cli_fail(cli, EXIT_OTHER, "The messages could not be marked as read. Try again."));
}

/* Oldest first, whichever way they came. */
static void on_messages(const struct said *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct reading *r = userdata;
        struct cli *cli = r->s.cli;
        bool backwards = r->after == 0 && r->from == 0;

        r->busy = false;
        if (error) {
                cli_finish(cli, cli_fail_bus(cli, error));
                return;
        }
        for (size_t i = 0; i < n; i++)
                output_said(&list[backwards ? n - 1 - i : i], cli->numbers, cli->json);
        if (n > 0) {
                r->after = list[backwards ? 0 : n - 1].id;
                r->from = 0;
                mark_read(r);
        } else if (!cli->follow) {
                cli_finish(cli, EXIT_OK);
        }
        if (cli->follow && (r->more || (n == PAGE && !backwards)))
                print_newer(r);
}

/* What comes after the last that was printed; at first, the last @limit ones. */
static void ask(struct reading *r, uint32_t limit)
{
        struct cli *cli = r->s.cli;

        r->busy = true;
        r->more = false;
        if (messages_read(r->s.account, &cli->calls, r->s.conversation,
                          &(struct said_page){ .after = r->after, .from = r->from, .limit = limit }, on_messages,
                          r) < 0)
                cli_finish(cli, cli_fail(cli, EXIT_OTHER, "cryptod could not be asked for messages. Try again."));
}

static void print_newer(struct reading *r)
{
        if (r->busy)
                r->more = true;
        else
                ask(r, PAGE);
}

static void on_added(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        struct reading *r = userdata;

        if (r->any && strlen(conversation) < sizeof(r->s.conversation)) {
                strcpy(r->s.conversation, conversation);
                r->any = false;
        }
        if (strcmp(r->s.conversation, conversation) == 0)
                print_newer(r);
}

/* A line for a program that follows; NULL if nobody does, or it is about another conversation. */
static json_object *new_event(const struct reading *r, const char *conversation, const char *event)
{
        json_object *o;

        if (!r->s.cli->json || !r->s.cli->follow || strcmp(r->s.conversation, conversation) != 0)
                return NULL;
        o = json_object_new_object();
        json_object_object_add(o, "event", json_object_new_string(event));
        return o;
}

static void on_changed(struct account *a, const char *conversation, uint64_t message, const char *state, void *userdata)
{
        json_object *o = new_event(userdata, conversation, "state");

        if (!o)
                return;
        json_object_object_add(o, "id", json_object_new_uint64(message));
        json_object_object_add(o, "state", json_object_new_string(state));
        output_json(o);
}

static void tell_message(const struct reading *r, const char *conversation, uint64_t message, const char *event)
{
        json_object *o = new_event(r, conversation, event);

        if (!o)
                return;
        json_object_object_add(o, "id", json_object_new_uint64(message));
        output_json(o);
}

static void on_edited(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        tell_message(userdata, conversation, message, "edited");
}

static void on_erased(struct account *a, const char *conversation, uint64_t message, void *userdata)
{
        tell_message(userdata, conversation, message, "erased");
}

static void on_typing(struct account *a, const char *conversation, const char *who, bool typing, void *userdata)
{
        json_object *o = new_event(userdata, conversation, "typing");

        if (!o)
                return;
        json_object_object_add(o, "who", json_object_new_string(who));
        json_object_object_add(o, "typing", json_object_new_boolean(typing));
        output_json(o);
}

static void on_locked(struct account *a, void *userdata)
{
        struct reading *r = userdata;
        struct cli *cli = r->s.cli;

        if (cli->follow)
                cli_finish(cli, cli_fail(cli, EXIT_LOCKED,
                                         "%s has been locked; what comes from now on is there after the next login.",
                                         r->s.chosen.address));
}

static const struct account_events events = { .message_added = on_added,
                                              .message_changed = on_changed,
                                              .message_edited = on_edited,
                                              .message_erased = on_erased,
                                              .typing = on_typing,
                                              .locked = on_locked };

static void on_conversations(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct reading *r = userdata;

        if (n > 0)
                snprintf(r->s.conversation, sizeof(r->s.conversation), "%s", list[0].id);
        cli_finish(r->s.cli, error ? cli_fail_bus(r->s.cli, error) : EXIT_OK);
}

static int find(struct reading *r, const char *address)
{
        struct cli *cli = r->s.cli;

        return address ? session_conversation(&r->s, address)
                       : cli_wait(cli, account_conversations(r->s.account, &cli->calls, on_conversations, r));
}

/* The first message of the time that --since says. */
static int find_since(struct reading *r)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct cli *cli = r->s.cli;
        int code = cli_call(cli, r->s.chosen.path, CRYPTO_HISTORY, "MessageAt", &reply, "st", r->s.conversation,
                            cli->since);

        if (code != EXIT_OK)
                return code;
        return sd_bus_message_read(reply, "t", &r->from) > 0 ? EXIT_OK : cli_misunderstood(cli);
}

static int print(struct reading *r)
{
        struct cli *cli = r->s.cli;
        int code;

        r->any = !*r->s.conversation;
        if (!r->any && cli->since > 0 && (code = find_since(r)) != EXIT_OK)
                return code;
        if (!r->any)
                ask(r, cli->last ? cli->last : LAST_DEFAULT);
        if (!r->any || cli->follow)
                return cli_wait(cli, 0);
        if (!cli->json)
                puts("There is no conversation yet; begin one with: visavis send ADDRESS TEXT");
        return EXIT_OK;
}

int command_read(struct cli *cli, int argc, char *argv[])
{
        struct reading r = { .s.cli = cli };

        if (argc > 1)
                return cli_fail(cli, EXIT_USAGE, "One conversation at a time: visavis read [ADDRESS|GROUP]");
        int code = session_open(cli, &events, &r, &r.s);
        if (code == EXIT_OK)
                code = find(&r, argc == 1 ? argv[0] : NULL);
        if (code == EXIT_OK)
                code = print(&r);
        session_close(&r.s);
        return code;
}

static bool is_muted(const struct description *d)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return d->muted_until > (uint64_t) now.tv_sec;
}

static void print_conversation(const struct cli *cli, const struct conversation *c, const struct description *d)
{
        const struct {
                bool is;
                const char *word;
        } marks[] = { { strcmp(d->standing, "request") == 0, "a request" },
                      { d->blocked, "blocked" },
                      { d->archived, "archived" },
                      { is_muted(d), "muted" },
                      { d->marked_unread, "marked unread" },
                      { *d->draft, "draft" } };
        const char *before = "  (";

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(c->id));
                json_object_object_add(o, "address", json_object_new_string(c->address));
                json_object_object_add(o, "unread", json_object_new_int64(c->unread));
                json_object_object_add(o, "time_usec", json_object_new_uint64(c->time));
                json_object_object_add(o, "last_text", json_object_new_string(c->text));
                json_object_object_add(o, "standing", json_object_new_string(d->standing));
                json_object_object_add(o, "blocked", json_object_new_boolean(d->blocked));
                json_object_object_add(o, "archived", json_object_new_boolean(d->archived));
                json_object_object_add(o, "muted", json_object_new_boolean(is_muted(d)));
                json_object_object_add(o, "marked_unread", json_object_new_boolean(d->marked_unread));
                json_object_object_add(o, "draft", json_object_new_string(d->draft));
                output_json(o);
                return;
        }
        _cleanup_free_ char *text = output_sanitise(c->text, false);
        _cleanup_free_ char *address = output_sanitise(c->address, false);
        char when[32];

        output_time(c->time, when);
        printf("%s  %3u  %s", when, c->unread, address);
        for (size_t i = 0; i < COUNT_OF(marks); i++) {
                if (marks[i].is) {
                        printf("%s%s", before, marks[i].word);
                        before = ", ";
                }
        }
        printf("%s  %s\n", *before == ',' ? ")" : "", text);
}

static int list_conversation(struct session *s, const struct conversation *c, size_t *hidden)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct description d;
        int r;

        (void) snprintf(s->conversation, sizeof(s->conversation), "%s", c->id);
        r = session_describe(s, &reply, &d);
        if (r != EXIT_OK)
                return r;
        if (d.archived && !s->cli->all)
                ++*hidden;
        else
                print_conversation(s->cli, c, &d);
        return EXIT_OK;
}

static void on_list(const struct conversation *list, size_t n, const sd_bus_error *error, void *userdata)
{
        struct session *s = userdata;
        int r = error ? cli_fail_bus(s->cli, error) : EXIT_OK;
        size_t hidden = 0;

        for (size_t i = 0; r == EXIT_OK && i < n; i++)
                r = list_conversation(s, &list[i], &hidden);
        if (r == EXIT_OK && n == 0 && !s->cli->json)
                puts("There is no conversation yet; begin one with: visavis send ADDRESS TEXT");
        else if (r == EXIT_OK && hidden == n && !s->cli->json)
                puts("All conversations are archived; visavis conversations --all shows them.");
        cli_finish(s->cli, r);
}

int command_conversations(struct cli *cli, int argc, char *argv[])
{
        struct session s = { .cli = cli };

        if (argc > 0)
                return cli_fail(cli, EXIT_USAGE, "“%s” is one word too many: visavis conversations", argv[0]);
        int r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = cli_wait(cli, account_conversations(s.account, &cli->calls, on_list, &s));
        session_close(&s);
        return r;
}
