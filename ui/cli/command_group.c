/* visavis group: conversations of many. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/command_invitation.h"
#include "ui/cli/nickname.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"

enum { PICTURE_MAX = 16 * 1024 };

static int say_conversation(const struct cli *cli, const char *id)
{
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "conversation", json_object_new_string(id));
                output_json(o);
        }
        return EXIT_OK;
}

/* Calls @member with a first argument and a list of addresses. */
static int call_with_list(struct cli *cli, const struct cli_account *account, const char *member, const char *first,
                          char *addresses[], sd_bus_message **reply)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char address[ADDRESS_TEXT_MAX];
        int code,
                r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_GROUPS, member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", first);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (; r >= 0 && *addresses; addresses++) {
                code = nickname_address(cli, account, *addresses, address);
                if (code != EXIT_OK)
                        return code;
                r = sd_bus_message_append(m, "s", address);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? cli_fail(cli, EXIT_USAGE, "These words cannot be passed on: %s. Are they UTF-8?", strerror(-r))
                     : cli_call_message(cli, m, reply);
}

static int create(struct cli *cli, const struct cli_account *account, const char *name, char *addresses[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r = call_with_list(cli, account, "Create", name, addresses, &reply);

        if (r != EXIT_OK)
                return r;
        return sd_bus_message_read(reply, "s", &id) <= 0 ? cli_misunderstood(cli) : say_conversation(cli, id);
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *name;
        bool any = false;
        int member, r = cli_call(cli, account->path, CRYPTO_GROUPS, "List", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &id, &name, &member)) > 0) {
                _cleanup_free_ char *safe = output_sanitise(name, false);
                json_object *o;

                any = true;
                if (!cli->json) {
                        printf("%s  %s%s\n", id, safe, member ? "" : "  (no member any more)");
                        continue;
                }
                o = json_object_new_object();
                json_object_object_add(o, "conversation", json_object_new_string(id));
                json_object_object_add(o, "name", json_object_new_string(name));
                json_object_object_add(o, "member", json_object_new_boolean(member));
                output_json(o);
        }
        if (r >= 0 && !any && !cli->json)
                puts("There is no group yet; begin one with: visavis group create NAME [ADDRESS …]");
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static void show_member(const struct cli *cli, const char *address, const char *role, bool verified, bool other_key)
{
        _cleanup_free_ char *safe = output_sanitise(address, false);
        json_object *o;

        if (!cli->json) {
                printf("%s%s%s%s\n", safe, strcmp(role, "member") == 0 ? "" : "  ",
                       strcmp(role, "member") == 0 ? "" : role,
                       other_key  ? "  (another key than before!)"
                       : verified ? "  (verified)"
                                  : "");
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "address", json_object_new_string(address));
        json_object_object_add(o, "role", json_object_new_string(role));
        json_object_object_add(o, "verified", json_object_new_boolean(verified));
        json_object_object_add(o, "other_key", json_object_new_boolean(other_key));
        output_json(o);
}

static int members(struct cli *cli, const struct cli_account *account, const char *conversation)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *address, *role;
        int verified, other_key, r = cli_call(cli, account->path, CRYPTO_GROUPS, "Members", &reply, "s", conversation);

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(ssbb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbb)", &address, &role, &verified, &other_key)) > 0)
                show_member(cli, address, role, verified, other_key);
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

/* Who may add people, and who may change name and picture: all, or admins. */
static int policy(struct cli *cli, const struct cli_account *account, const char *conversation, char *words[])
{
        static const char *const values[] = { "admins", "all" };
        int may[2] = { -1, -1 };

        for (unsigned i = 0; i < 2; i++) {
                for (int v = 0; v < 2; v++) {
                        if (strcmp(words[i], values[v]) == 0)
                                may[i] = v;
                }
                if (may[i] < 0)
                        return cli_fail(cli, EXIT_USAGE,
                                        "Say who may add people, and who may change name and picture: all or admins.");
        }
        return cli_call(cli, account->path, CRYPTO_GROUPS, "SetPolicy", NULL, "sbb", conversation, may[0], may[1]);
}

static int show_picture(struct cli *cli, const struct cli_account *account, const char *conversation)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const void *picture;
        size_t size;
        int r = cli_call(cli, account->path, CRYPTO_GROUPS, "Describe", &reply, "s", conversation);

        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_skip(reply, "sbb") < 0 || sd_bus_message_read_array(reply, 'y', &picture, &size) < 0)
                return cli_misunderstood(cli);
        if (size == 0)
                return cli_fail(cli, EXIT_NOT_FOUND, "This group has no picture.");
        return fwrite(picture, 1, size, stdout) == size ? EXIT_OK : cli_fail(cli, EXIT_OTHER, "It cannot be written.");
}

static int set_picture(struct cli *cli, const struct cli_account *account, const char *conversation, const char *path)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        static char picture[PICTURE_MAX + 1];
        _cleanup_close_ int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        size_t size = 0;
        ssize_t n = 1;
        int r;

        while (fd >= 0 && size < sizeof(picture) && (n = read(fd, picture + size, sizeof(picture) - size)) > 0)
                size += (size_t) n;
        if (fd < 0 || n < 0)
                return cli_fail(cli, EXIT_NOT_FOUND, "“%s” cannot be read: %s.", path, strerror(errno));
        if (size > PICTURE_MAX)
                return cli_fail(cli, EXIT_USAGE, "“%s” has more than %d bytes; make it smaller.", path, PICTURE_MAX);
        r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, account->path, CRYPTO_GROUPS, "SetPicture");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", conversation);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', picture, size);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "The picture cannot be passed on: %s.", strerror(-r))
                     : cli_call_message(cli, m, NULL);
}

static int with_member(struct session *s, const char *method, const char *whom, const char *role)
{
        char address[ADDRESS_TEXT_MAX];
        int r = nickname_address(s->cli, &s->chosen, whom, address);

        if (r != EXIT_OK)
                return r;
        return role ? cli_call(s->cli, s->chosen.path, CRYPTO_GROUPS, method, NULL, "sss", s->conversation, address,
                               role)
                    : cli_call(s->cli, s->chosen.path, CRYPTO_GROUPS, method, NULL, "ss", s->conversation, address);
}

/* What needs to know which group: its name or id. */
static int in_group(struct cli *cli, const char *action, const char *group, char *argv[])
{
        struct session s;
        int r = session_open(cli, &session_no_events, NULL, &s);

        if (r == EXIT_OK)
                r = session_group(&s, group);
        if (r == EXIT_OK) {
                if (strcmp(action, "members") == 0)
                        r = members(cli, &s.chosen, s.conversation);
                else if (strcmp(action, "add") == 0)
                        r = call_with_list(cli, &s.chosen, "Add", s.conversation, argv, NULL);
                else if (strcmp(action, "remove") == 0)
                        r = with_member(&s, "Remove", argv[0], NULL);
                else if (strcmp(action, "role") == 0)
                        r = with_member(&s, "SetRole", argv[0], argv[1]);
                else if (strcmp(action, "picture") == 0)
                        r = argv[0] ? set_picture(cli, &s.chosen, s.conversation, argv[0])
                                    : show_picture(cli, &s.chosen, s.conversation);
                else if (strcmp(action, "policy") == 0)
                        r = policy(cli, &s.chosen, s.conversation, argv);
                else if (strcmp(action, "invite") == 0)
                        r = invitation_make(&s, argv);
                else if (strcmp(action, "invitations") == 0)
                        r = invitation_list(&s);
                else if (strcmp(action, "revoke") == 0)
                        r = invitation_revoke(&s, argv[0]);
                else if (strcmp(action, "rename") == 0)
                        r = cli_call(cli, s.chosen.path, CRYPTO_GROUPS, "Rename", NULL, "ss", s.conversation, argv[0]);
                else
                        r = cli_call(cli, s.chosen.path, CRYPTO_GROUPS, "Leave", NULL, "s", s.conversation);
        }
        session_close(&s);
        return r;
}

/* The words behind an action, of which there are @least to @most. */
static const struct {
        const char *name, *words;
        int least, most;
} actions[] = {
        { "list", "", 0, 0 },
        { "create", " NAME [ADDRESS …]", 1, INT_MAX },
        { "members", " GROUP", 1, 1 },
        { "add", " GROUP ADDRESS …", 2, INT_MAX },
        { "remove", " GROUP ADDRESS", 2, 2 },
        { "role", " GROUP ADDRESS owner|admin|member", 3, 3 },
        { "policy", " GROUP all|admins all|admins", 3, 3 },
        { "picture", " GROUP [FILE]", 1, 2 },
        { "rename", " GROUP NAME", 2, 2 },
        { "invite", " GROUP [DAYS [USES]]", 1, 3 },
        { "invitations", " GROUP", 1, 1 },
        { "revoke", " GROUP ID", 2, 2 },
        { "join", "", 0, 0 },
        { "leave", " GROUP", 1, 1 },
};

/* EXIT_OK, or what it has to look like has been printed. */
static int check_words(struct cli *cli, const char *action, int count)
{
        char names[256] = "";
        size_t size = 0;

        for (unsigned i = 0; i < COUNT_OF(actions); i++) {
                size += (size_t) snprintf(names + size, sizeof(names) - size, "%s%s", i > 0 ? ", " : "",
                                          actions[i].name);
                if (strcmp(action, actions[i].name) == 0)
                        return count >= actions[i].least && count <= actions[i].most
                                       ? EXIT_OK
                                       : cli_fail(cli, EXIT_USAGE, "Say: visavis group %s%s", actions[i].name,
                                                  actions[i].words);
        }
        return cli_fail(cli, EXIT_USAGE, "What is to be done with groups? There are %s; visavis help group says more.",
                        names);
}

int command_group(struct cli *cli, int argc, char *argv[])
{
        const char *action = argc > 0 ? argv[0] : "";
        struct cli_account account;
        int r = check_words(cli, action, argc - 1);

        if (r != EXIT_OK)
                return r;
        if (strcmp(action, "list") != 0 && strcmp(action, "create") != 0 && strcmp(action, "join") != 0)
                return in_group(cli, action, argv[1], argv + 2);
        r = cli_unlocked_account(cli, &account);
        if (r != EXIT_OK)
                return r;
        if (strcmp(action, "join") == 0)
                return invitation_join(cli, &account);
        return strcmp(action, "list") == 0 ? list(cli, &account) : create(cli, &account, argv[1], argv + 2);
}
