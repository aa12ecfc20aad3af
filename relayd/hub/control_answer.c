/* What the hub's owner is told, and what is done for them. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "control_connection.h"
#include "invitation.h"
#include "services/cleanup.h"
#include "services/text.h"

enum { DRAIN_STEPS = 64 };

/* False once nobody reads any more. */
static bool say(struct connection *c, json_object *object)
{
        fputs(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), c->out);
        json_object_put(object);
        return fputc('\n', c->out) != EOF && !ferror(c->out);
}

static void add_string(json_object *o, const char *name, const char *value)
{
        json_object_object_add(o, name, json_object_new_string(value));
}

static void add_number(json_object *o, const char *name, int64_t value)
{
        json_object_object_add(o, name, json_object_new_int64(value));
}

/* All has been said. What was not listened to is taken in, or the kernel would call the end a reset. */
static void finish(struct connection *c)
{
        (void) fflush(c->out);
        for (unsigned i = 0; i < DRAIN_STEPS && recv(c->fd, c->line, sizeof(c->line), MSG_DONTWAIT) > 0; i++)
                continue;
        connection_free(c);
}

void control_refuse(struct connection *c, const char *error, const char *sentence)
{
        json_object *o = json_object_new_object();

        add_string(o, "error", error);
        add_string(o, "text", sentence);
        (void) say(c, o);
        finish(c);
}

static void end(struct connection *c)
{
        json_object *o = json_object_new_object();

        json_object_object_add(o, "end", json_object_new_boolean(true));
        (void) say(c, o);
        finish(c);
}

static bool say_account(void *userdata, const struct store_account *a)
{
        json_object *o = json_object_new_object();

        add_string(o, "name", a->name);
        add_number(o, "created_usec", a->created_usec);
        add_number(o, "waiting_messages", a->entries);
        add_number(o, "waiting_bytes", a->bytes);
        add_number(o, "chunk_bytes", a->chunk_bytes);
        add_number(o, "key_packages", a->key_packages);
        return say(userdata, o);
}

static void add_invitation(json_object *o, const uint8_t *id, int64_t uses, int64_t until_usec)
{
        _cleanup_free_ char *hex = hex_encode(BYTES(id, STORE_INVITATION_ID_SIZE));

        add_string(o, "invitation", hex ? hex : "");
        add_number(o, "uses", uses);
        add_number(o, "until_usec", until_usec);
}

static bool say_invitation(void *userdata, const struct store_invitation *i)
{
        static const char *const states[] = { [STORE_TOKEN_UNKNOWN] = "good",
                                              [STORE_TOKEN_USED] = "used",
                                              [STORE_TOKEN_EXPIRED] = "expired",
                                              [STORE_TOKEN_REVOKED] = "revoked" };
        json_object *o = json_object_new_object();

        add_invitation(o, i->id, i->uses, i->until_usec);
        add_number(o, "created_usec", i->created_usec);
        add_string(o, "state", states[i->refusal]);
        return say(userdata, o);
}

/* The errands, each in its thread. */
static int list(struct connection *c, struct store_view *v)
{
        return c->request.command == CONTROL_ACCOUNTS ? store_view_accounts(v, say_account, c)
                                                      : store_view_invitations(v, say_invitation, c);
}

static bool may_go_on(void *userdata, unsigned percent)
{
        struct connection *c = userdata;
        char byte;

        /* Who has gone away does not want it any more. */
        return !c->stopping && recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

static void work_on_view(void *userdata)
{
        struct connection *c = userdata;
        struct store_view *v;

        c->result = store_view_open(hub_store(c->control->hub), &v);
        if (c->result < 0)
                return;
        c->result = c->request.command == CONTROL_BACKUP ? store_view_backup(v, c->passed, may_go_on, c, &c->bytes)
                                                         : list(c, v);
        store_view_close(v);
}

static void work_on_report(void *userdata)
{
        struct connection *c = userdata;

        c->result = report_count(&c->report, hub_store(c->control->hub), c->control->settings.directory);
}

static void fail(struct connection *c)
{
        if (c->result == -EBUSY)
                control_refuse(c, "Busy", "Another backup is being made; wait for that.");
        else if (c->request.command == CONTROL_BACKUP)
                control_refuse(c, "Storage",
                               c->result == -EBADMSG
                                       ? "The copy is damaged, and so the hub's database may be; see its log."
                                       : strerror(-c->result));
        else
                control_refuse(c, "Storage", "The hub's database could not be read; see its log.");
}

static void on_errand_done(void *userdata)
{
        struct connection *c = userdata;

        if (c->result < 0) {
                fail(c);
                return;
        }
        if (c->request.command == CONTROL_METRICS) {
                report_metrics(&c->report, c->out);
                finish(c);
                return;
        }
        if (c->request.command == CONTROL_STATUS) {
                (void) say(c, report_json(&c->report));
        } else if (c->request.command == CONTROL_BACKUP) {
                json_object *o = json_object_new_object();

                add_number(o, "bytes", c->bytes);
                (void) say(c, o);
        }
        end(c);
}

static void run_errand(struct connection *c, void (*work)(void *userdata))
{
        if (errand_start(c->control->event, work, on_errand_done, c, &c->errand) < 0)
                control_refuse(c, "Busy", "The hub has no memory for that; try again later.");
}

static void report(struct connection *c)
{
        const struct control_settings *s = &c->control->settings;

        report_take(&c->report, c->control->hub, s->address, s->since_usec);
        run_errand(c, work_on_report);
}

static void on_order_done(void *userdata, const struct store_request *r)
{
        struct connection *c = userdata;
        json_object *o;

        if (r->result == STORE_UNKNOWN) {
                control_refuse(c, "NotFound",
                               r->operation == STORE_DELETE ? "There is no account of that name; accounts lists them."
                               : r->operation == STORE_RESET_ROOM
                                       ? "Nobody has ever been in a room of that name, so there is nothing to reset."
                                       : "There is no such invitation that is still good; invitations "
                                         "lists them.");
                return;
        }
        if (r->result != STORE_DONE) {
                control_refuse(c, "Storage",
                               "The hub could not write to its disk, so nothing was changed; see its log.");
                return;
        }
        if (r->operation == STORE_INVITE) {
                o = json_object_new_object();
                add_string(o, "token", c->token);
                add_invitation(o, r->token, r->uses, (int64_t) r->until_usec);
                add_string(o, "registration", policy_name(hub_settings(c->control->hub)->registration));
                (void) say(c, o);
        }
        end(c);
}

static void order(struct connection *c, const struct store_request *r)
{
        if (hub_order(c->control->hub, r, on_order_done, c) < 0)
                control_refuse(c, "Busy", "The hub has no memory for that; try again later.");
}

static void invite(struct connection *c)
{
        struct store_request r = { .operation = STORE_INVITE, .uses = c->request.uses };

        r.until_usec = ((uint64_t) time(NULL) + c->request.seconds) * 1000000;
        if (invitation_new(&c->token, r.token) < 0)
                control_refuse(c, "Busy", "The hub has no memory for that; try again later.");
        else
                order(c, &r);
}

/* The log itself goes, open for reading: what is shown of it, and for how long it is followed, is the reader's. */
static void pass_log(struct connection *c)
{
        static char text[] = "{\"log\":true}\n";
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { .header = {
                              .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
        struct iovec part = { text, sizeof(text) - 1 };
        struct msghdr m = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        _cleanup_close_ int log = access_log_read(hub_access_log(c->control->hub));

        if (log < 0) {
                control_refuse(c, "NotFound",
                               log == -ENOENT
                                       ? "The hub writes no access log; set access-log = yes in hub.conf and have it "
                                         "read its configuration again."
                                       : "The access log cannot be read; see the hub's own log.");
                return;
        }
        memcpy(CMSG_DATA(&control.header), &log, sizeof(log));
        (void) sendmsg(c->fd, &m, MSG_NOSIGNAL);
        end(c);
}

static void backup(struct connection *c)
{
        struct stat st;

        if (c->passed < 0 || fstat(c->passed, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != 0)
                control_refuse(c, "InvalidArgument",
                               "A backup goes to a file that is new or empty: pass its descriptor.");
        else
                run_errand(c, work_on_view);
}

void control_answer(struct connection *c)
{
        struct store_request r = { 0 };

        switch (c->request.command) {
        case CONTROL_STATUS:
        case CONTROL_METRICS:
                report(c);
                break;
        case CONTROL_ACCOUNTS:
        case CONTROL_INVITATIONS:
                run_errand(c, work_on_view);
                break;
        case CONTROL_LOG:
                pass_log(c);
                break;
        case CONTROL_BACKUP:
                backup(c);
                break;
        case CONTROL_INVITE:
                invite(c);
                break;
        case CONTROL_REVOKE:
                r.operation = STORE_REVOKE;
                memcpy(r.token, c->request.invitation, sizeof(c->request.invitation));
                order(c, &r);
                break;
        case CONTROL_REMOVE:
        case CONTROL_RESET_ROOM:
                r.operation = c->request.command == CONTROL_REMOVE ? STORE_DELETE : STORE_RESET_ROOM;
                r.name = BYTES_STRING(c->request.name);
                order(c, &r);
                break;
        }
}
