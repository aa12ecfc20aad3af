/* See command_invitation.h. */
#include "ui/cli/command_invitation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/qr_code.h"
#include "ui/cli/output.h"

#define CRYPTO_INVITATIONS "im.visavis.Crypto1.Invitations"

enum { DAYS = 7, LINK_MAX_SIZE = 1024 };

/* A number of at least one; 0: it is none. */
static uint32_t read_number(const char *word)
{
        char *end = NULL;
        unsigned long n;

        errno = 0;
        n = strtoul(word, &end, 10);
        return errno != 0 || *word < '0' || *word > '9' || *end != '\0' || n > UINT32_MAX ? 0 : (uint32_t) n;
}

int invitation_make(struct session *s, char *words[])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *picture = NULL;
        uint32_t days = words[0] ? read_number(words[0]) : DAYS,
                 uses = words[0] && words[1] ? read_number(words[1]) : 0;
        const char *link;
        int r;

        if (days == 0 || (words[0] && words[1] && uses == 0))
                return cli_fail(s->cli, EXIT_USAGE,
                                "Say for how many days the link is good, and if you like for how many people.");
        r = cli_call(s->cli, s->chosen.path, CRYPTO_INVITATIONS, "Invite", &reply, "stu", s->conversation,
                     (uint64_t) time(NULL) + (uint64_t) days * 24 * 3600, uses);
        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "s", &link) <= 0)
                return cli_misunderstood(s->cli);
        if (s->cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "link", json_object_new_string(link));
                output_json(o);
                return EXIT_OK;
        }
        picture = isatty(STDOUT_FILENO) ? qr_code_for_terminal(link) : NULL;
        printf("%s%s%s\n", picture ? picture : "", picture ? "\n" : "", link);
        return EXIT_OK;
}

static void show(const struct cli *cli, const char *id, const char *author, uint64_t expires, uint32_t uses)
{
        _cleanup_free_ char *safe = output_sanitise(author, false);
        char until[64] = "?", left[32] = "";
        time_t t = (time_t) expires;
        struct tm local;
        json_object *o;

        if (!cli->json) {
                if (localtime_r(&t, &local))
                        (void) strftime(until, sizeof(until), "%Y-%m-%d %H:%M", &local);
                if (uses > 0)
                        (void) snprintf(left, sizeof(left), ", for %" PRIu32 " more", uses);
                printf("%s  until %s%s%s%s\n", id, until, left, *safe ? ", by " : "", safe);
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "invitation", json_object_new_string(id));
        json_object_object_add(o, "address", json_object_new_string(author));
        json_object_object_add(o, "expires", json_object_new_int64((int64_t) expires));
        json_object_object_add(o, "uses", json_object_new_int64(uses));
        output_json(o);
}

int invitation_list(struct session *s)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id, *author;
        uint64_t expires;
        uint32_t uses;
        bool any = false;
        int r = cli_call(s->cli, s->chosen.path, CRYPTO_INVITATIONS, "List", &reply, "s", s->conversation);

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sstu)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sstu)", &id, &author, &expires, &uses)) > 0) {
                any = true;
                show(s->cli, id, author, expires, uses);
        }
        if (r >= 0 && !any && !s->cli->json)
                puts("This group has no invitation; make one with: visavis group invite GROUP [DAYS [USES]]");
        return r < 0 ? cli_misunderstood(s->cli) : EXIT_OK;
}

int invitation_revoke(struct session *s, const char *id)
{
        return cli_call(s->cli, s->chosen.path, CRYPTO_INVITATIONS, "Revoke", NULL, "ss", s->conversation, id);
}

int invitation_join(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char link[LINK_MAX_SIZE];
        const char *inviter;
        int r;

        if (isatty(STDIN_FILENO))
                fputs("Paste the link: ", stderr);
        if (!fgets(link, sizeof(link), stdin))
                return cli_fail(cli, EXIT_USAGE, "Give the link on standard input: others can see arguments.");
        link[strcspn(link, "\r\n")] = '\0';
        r = cli_call(cli, account->path, CRYPTO_INVITATIONS, "Join", &reply, "s", link);
        explicit_bzero(link, sizeof(link));
        if (r != EXIT_OK)
                return r;
        if (sd_bus_message_read(reply, "s", &inviter) <= 0)
                return cli_misunderstood(cli);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "address", json_object_new_string(inviter));
                output_json(o);
        } else {
                printf("%s is asked; the group appears when their client has answered.\n", inviter);
        }
        return EXIT_OK;
}
