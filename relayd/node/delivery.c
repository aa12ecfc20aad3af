/* im.visavis.Relay1.Delivery: what cryptod, and nobody else, asks of relayd. */
#include <errno.h>
#include <string.h>

#include "account.h"
#include "relayd/link/transport_key.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/memfd.h"
#include "services/seal.h"
#include "services/storage.h"

enum { WAYS_MAX = 8 /* hubs of an account */ };
enum { PACKAGES_MAX = WIRE_KEY_PACKAGES_MAX * (WIRE_KEY_PACKAGE_MAX + 16) };

static int check_caller(struct node *n, sd_bus_message *m, sd_bus_error *error)
{
        return peer_check(&n->settings.crypto, m, "This interface is for cryptod; use im.visavis.Crypto1 instead.",
                          error);
}

/* An account's id becomes a part of an object path. */
static bool account_id_valid(const char *id)
{
        size_t n = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        return n >= 1 && n <= 64 && id[n] == '\0';
}

static int find_account(struct node *n, const char *id, sd_bus_error *error, struct account **out)
{
        struct account *a = node_account(n, id);

        if (!a || !a->row.registered)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "relayd has no account %s; add it with AddAccount.",
                                         id);
        *out = a;
        return 0;
}

static int parse_address(const char *text, sd_bus_error *error, struct address *out)
{
        const char *reason = "";

        if (address_parse(text, out, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not an address: %s Write name@host:port#key.", text, reason);
        return 0;
}

static int storage_error(struct node *n, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE, "%s", ledger_describe(n->ledger));
}

static bool same_address(const struct address *a, const struct address *b)
{
        return address_equal(a, b) && (!a->has_key || !b->has_key || memcmp(a->key, b->key, sizeof(a->key)) == 0);
}

static int new_account(struct node *n, const char *id, uint32_t uid, const struct address *address,
                       const struct account *main, sd_bus_error *error, struct account **out)
{
        struct ledger_account row = { .uid = uid,
                                      .address = *address,
                                      .enabled = true,
                                      .bandwidth = main ? main->row.bandwidth : n->settings.bandwidth,
                                      .main = main ? main->row.id : 0 };
        _cleanup_secret_ struct secret *key = secret_random(TRANSPORT_KEY_SIZE);
        int r;

        (void) snprintf(row.account, sizeof(row.account), "%s", id);
        (void) snprintf(row.proxy, sizeof(row.proxy), "%s", main ? main->row.proxy : n->settings.proxy);
        /* The key is on disk before the hub hears of it: a name that was registered with a lost key is lost as well. */
        r = ledger_add_account(n->ledger, &row, key);
        if (r >= 0)
                r = ledger_commit(n->ledger);
        if (r < 0)
                return storage_error(n, error);
        return account_new(n, &row, TAKE(key), out);
}

struct add_options {
        struct secret *invitation; /* the token with a NUL behind it; NULL if none was given */
        const char *main;          /* the account whose further hub it is; NULL for none */
};

static void add_options_release(struct add_options *o)
{
        secret_free(o->invitation);
}

static int read_options(sd_bus_message *m, sd_bus_error *error, struct add_options *out)
{
        _cleanup_writer_ struct writer token = WRITER_INIT;
        const char *key;
        int fd, r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0 && strcmp(key, "main") == 0) {
                        r = sd_bus_message_read(m, "v", "s", &out->main);
                        if (r >= 0)
                                r = sd_bus_message_exit_container(m);
                        continue;
                }
                if (r >= 0 && strcmp(key, "invitation") != 0)
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                                 "There is no option \"%s\"; there are invitation and main.", key);
                if (r >= 0)
                        r = sd_bus_message_read(m, "v", "h", &fd);
                if (r < 0)
                        return r;
                writer_release(&token);
                r = memfd_read(fd, WIRE_TOKEN_MAX, &token);
                if (r < 0 || memchr(token.data, 0, token.size))
                        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                                 "The invitation is none: pass its token, of 1 to %d characters, in a "
                                                 "sealed memfd.",
                                                 WIRE_TOKEN_MAX);
                r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0 || token.size == 0)
                return r;
        write_u8(&token, 0);
        r = writer_finish(&token);
        if (r >= 0)
                out->invitation = secret_copy(writer_bytes(&token));
        return r;
}

static int find_main(struct node *n, const char *id, uint32_t uid, sd_bus_error *error, struct account **out)
{
        int r = find_account(n, id, error, out);

        if (r >= 0 && ((*out)->main || (*out)->row.uid != uid))
                r = sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                      "Account %s is another user's, or a further hub itself.", id);
        return r;
}

static int on_add_account(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(add_options_release) struct add_options options = { 0 };
        struct node *n = userdata;
        struct address address;
        struct account *a = NULL, *main = NULL;
        const char *id, *text;
        uint32_t uid;
        int r = check_caller(n, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "sus", &id, &uid, &text);
        if (r >= 0)
                r = read_options(m, error, &options);
        if (r >= 0)
                r = parse_address(text, error, &address);
        if (r < 0)
                return r;
        if (!account_id_valid(id))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not an account's id: 1 to 64 letters, digits and underscores.", id);
        if (options.main && (r = find_main(n, options.main, uid, error, &main)) < 0)
                return r;
        a = node_account(n, id);
        if (a && a->adding)
                return sd_bus_error_setf(error, ERROR_BUSY, "Account %s is being added; wait for that.", id);
        if (a && (!same_address(&a->row.address, &address) || a->row.uid != uid)) {
                if (a->row.registered)
                        return sd_bus_error_setf(error, ERROR_EXISTS, "Account %s has another address or user already.",
                                                 id);
                if (ledger_remove_account(n->ledger, a->row.id) < 0 || ledger_commit(n->ledger) < 0)
                        return storage_error(n, error);
                a = account_free(a);
        }
        if (a && a->row.registered)
                return sd_bus_reply_method_return(m, "");
        if (!a) {
                r = new_account(n, id, uid, &address, main, error, &a);
                if (r < 0)
                        return r;
        }
        secret_free(a->invitation);
        a->invitation = TAKE(options.invitation);
        a->adding = sd_bus_message_ref(m);
        account_start(a);
        return 1;
}

static int on_remove_account(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct node *n = userdata;
        struct account *a;
        const char *id;
        int local_only, r = check_caller(n, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "sb", &id, &local_only);
        if (r < 0)
                return r;
        a = node_account(n, id);
        return a ? account_delete(a, m, local_only) : sd_bus_reply_method_return(m, "");
}

static int read_account(struct node *n, sd_bus_message *m, sd_bus_error *error, struct account **out)
{
        const char *id;
        int r = check_caller(n, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &id);
        return r < 0 ? r : find_account(n, id, error, out);
}

static int answer_attach(struct account *a, sd_bus_message *m, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct ledger_witness w;
        int r;

        if (ledger_witness(a->node->ledger, a->row.id, &w) < 0)
                return storage_error(a->node, error);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "ttt", w.queued, w.delivered, a->row.doubt ? w.arrived : 0);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', w.concluded, a->row.doubt ? sizeof(w.concluded) : 0);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int on_attach(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        int r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = answer_attach(a, m, error); /* before anything is delivered */
        if (r >= 0)
                r = account_attach(a, sd_bus_message_get_sender(m));
        if (r < 0)
                return r;
        account_hurry(a);
        return 1;
}

static int on_reckon(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        int old, r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = sd_bus_message_read(m, "b", &old);
        if (r < 0)
                return r;
        if (account_reckon(a, old) < 0)
                return storage_error(a->node, error);
        account_wake(a);
        return sd_bus_reply_method_return(m, "");
}

static int on_detach(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        int r = read_account(userdata, m, error, &a);

        if (r < 0)
                return r;
        if (a->peer && strcmp(a->peer, sd_bus_message_get_sender(m)) == 0)
                (void) account_attach(a, NULL);
        return sd_bus_reply_method_return(m, "");
}

static int read_memfd(sd_bus_message *m, const char *what, size_t max, struct writer *out, sd_bus_error *error)
{
        int fd, r = sd_bus_message_read(m, "h", &fd);

        if (r < 0)
                return r;
        r = memfd_read(fd, max, out);
        if (r < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The %s cannot be read (%s): pass a memfd with 1 to %zu bytes.", what,
                                         strerror(-r), max);
        return 0;
}

static int on_publish(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct key_packages packages;
        struct account *a = NULL;
        int r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = read_memfd(m, "key packages", PACKAGES_MAX, &body, error);
        if (r < 0)
                return r;
        if (read_key_packages(writer_bytes(&body), &packages) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The key packages are malformed: pass 1 to %d of at most %d bytes each.",
                                         WIRE_KEY_PACKAGES_MAX, WIRE_KEY_PACKAGE_MAX);
        r = account_ask(a, m, FRAME_PUBLISH_KEY_PACKAGES, &body);
        return r < 0 ? r : 1;
}

/* The link of the account to the hub of the person at @text. */
static int find_link(struct account *a, const char *text, sd_bus_error *error, struct address *out,
                     struct account **link)
{
        int r = parse_address(text, error, out);

        if (r < 0)
                return r;
        *link = account_link_to(a, out);
        if (!*link)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "%s is on a hub where this account is not; both have to be on one.", text);
        return 0;
}

static int on_claim(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct address address;
        struct account *a = NULL, *link = NULL;
        const char *text;
        int r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = find_link(a, text, error, &address, &link);
        if (r < 0)
                return r;
        write_claim(&body, BYTES_STRING(address.name));
        r = writer_finish(&body);
        if (r >= 0)
                r = account_ask(link, m, FRAME_CLAIM_KEY_PACKAGE, &body);
        return r < 0 ? r : 1;
}

/* The recipients on one hub. */
struct way {
        struct account *link;
        struct writer names;
        unsigned count;
};

struct ways {
        struct way list[WAYS_MAX];
        unsigned count;
};

static void ways_release(struct ways *w)
{
        for (unsigned i = 0; i < w->count; i++)
                writer_release(&w->list[i].names);
}

static struct way *way_by(struct ways *w, struct account *link)
{
        unsigned i = 0;

        while (i < w->count && w->list[i].link != link)
                i++;
        if (i == WAYS_MAX)
                return NULL;
        if (i == w->count)
                w->list[w->count++] = (struct way){ .link = link };
        return &w->list[i];
}

static int add_recipient(struct account *a, const char *text, sd_bus_error *error, struct ways *out)
{
        struct account *link;
        struct address address;
        struct way *way;
        int r = find_link(a, text, error, &address, &link);

        if (r < 0)
                return r;
        way = way_by(out, link);
        if (!way || way->count == WIRE_RECIPIENTS_MAX)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "An envelope goes to at most %d recipients, on at most %d hubs.",
                                         WIRE_RECIPIENTS_MAX, WAYS_MAX);
        way->count++;
        write_recipient(&way->names, BYTES_STRING(address.name));
        return writer_finish(&way->names);
}

/* The way by which it goes comes first, then the others that would do. */
static int read_recipients(struct account *a, sd_bus_message *m, sd_bus_error *error, struct ways *out)
{
        const char *text;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0)
                r = add_recipient(a, text, error, out);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0 && out->count == 0)
                (void) way_by(out, a);
        return r;
}

static int queue(struct account *a, struct send *send, const struct ways *ways)
{
        struct ledger *l = a->node->ledger;
        int r = 1;

        for (unsigned i = 0; r > 0 && i < ways->count; i++) {
                const struct way *w = &ways->list[i];

                send->recipients = writer_bytes(&w->names);
                send->recipient_count = w->count;
                if (i == 0)
                        r = ledger_queue(l, a->row.id, w->link->row.id, send);
                else if (!send->has_group) /* the commits of a group are ordered at one hub */
                        r = ledger_add_way(l, a->row.id, send, w->link->row.id) < 0 ? -EIO : 1;
        }
        return r;
}

static void on_queued(void *userdata, int error)
{
        sd_bus_message *m = userdata;

        if (error < 0)
                (void) sd_bus_reply_method_errorf(m, ERROR_STORAGE, "The envelope could not be written: %s.",
                                                  storage_advice(error));
        else
                (void) sd_bus_reply_method_return(m, "");
        sd_bus_message_unref(m);
}

/* Answers when the ledger has committed. */
static int answer_queued(struct node *n, struct account *a, sd_bus_message *m)
{
        int r = ledger_then(n->ledger, on_queued, sd_bus_message_ref(m));

        if (r < 0) {
                sd_bus_message_unref(m);
                return r;
        }
        account_hurry(a);
        return 1;
}

static int on_send(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(ways_release) struct ways ways = { 0 };
        _cleanup_writer_ struct writer envelope = WRITER_INIT;
        struct node *n = userdata;
        struct send send = { 0 };
        const void *id, *group;
        size_t id_size, group_size;
        struct account *a = NULL;
        int r = read_account(n, m, error, &a);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &id, &id_size);
        if (r >= 0)
                r = read_recipients(a, m, error, &ways);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &group, &group_size);
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &send.epoch);
        if (r >= 0)
                r = read_memfd(m, "envelope", WIRE_PAYLOAD_MAX, &envelope, error);
        if (r < 0)
                return r;
        if (id_size != sizeof(send.id) || group_size > WIRE_GROUP_MAX || (group_size == 0 && ways.list[0].count == 0))
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "An envelope has an id of 16 bytes, a group of at most 255, and recipients "
                                        "unless it is a commit.");
        memcpy(send.id, id, sizeof(send.id));
        send.has_group = group_size > 0;
        send.group = BYTES(group, group_size);
        send.payload = writer_bytes(&envelope);
        if (queue(a, &send, &ways) < 0)
                return storage_error(n, error);
        return answer_queued(n, ways.list[0].link, m);
}

static int on_list_rooms(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct account *a = NULL;
        int r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = account_ask(a, m, FRAME_LIST_ROOMS, &body);
        return r < 0 ? r : 1;
}

static int on_fetch_room(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct account *a = NULL;
        const char *room;
        int r = read_account(userdata, m, error, &a);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &room);
        if (r < 0)
                return r;
        if (!wire_name_valid(BYTES_STRING(room)))
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is no room's name: 1 to %d of a-z 0-9 . _ -.", room, WIRE_NAME_MAX);
        write_claim(&body, BYTES_STRING(room));
        r = writer_finish(&body);
        if (r >= 0)
                r = account_ask(a, m, FRAME_FETCH_ROOM, &body);
        return r < 0 ? r : 1;
}

static int on_send_to_room(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct node *n = userdata;
        struct room_post post;
        struct account *a = NULL;
        int r = read_account(n, m, error, &a);

        if (r >= 0)
                r = read_memfd(m, "envelope", ROOM_BODY_MAX, &body, error);
        if (r < 0)
                return r;
        if (read_room_post(writer_bytes(&body), &post) < 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is no body of SEND_TO_ROOM; docs/wire-protocol.md says how one is made.");
        if (ledger_queue_for_room(n->ledger, a->row.id, BYTES_OF(post.id), writer_bytes(&body)) < 0)
                return storage_error(n, error);
        return answer_queued(n, a, m);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("AddAccount", SD_BUS_ARGS("s", account, "u", uid, "s", address, "a{sv}", options),
                                SD_BUS_NO_RESULT, on_add_account, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveAccount", SD_BUS_ARGS("s", account, "b", local_only), SD_BUS_NO_RESULT,
                                on_remove_account, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Attach", SD_BUS_ARGS("s", account),
                                SD_BUS_RESULT("t", queued, "t", delivered, "t", arrived, "ay", sent), on_attach,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reckon", SD_BUS_ARGS("s", account, "b", old), SD_BUS_NO_RESULT, on_reckon,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_detach,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("PublishKeyPackages", SD_BUS_ARGS("s", account, "h", packages), SD_BUS_NO_RESULT,
                                on_publish, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ClaimKeyPackage", SD_BUS_ARGS("s", account, "s", address),
                                SD_BUS_RESULT("h", key_package), on_claim, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                "Send", SD_BUS_ARGS("s", account, "ay", id, "as", recipients, "ay", group, "t", epoch, "h", envelope),
                SD_BUS_NO_RESULT, on_send, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListRooms", SD_BUS_ARGS("s", account), SD_BUS_RESULT("a(su)", rooms), on_list_rooms,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("FetchRoom", SD_BUS_ARGS("s", account, "s", room), SD_BUS_RESULT("h", state),
                                on_fetch_room, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SendToRoom", SD_BUS_ARGS("s", account, "h", envelope), SD_BUS_NO_RESULT,
                                on_send_to_room, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int delivery_export(struct node *n)
{
        return sd_bus_add_object_vtable(n->bus, NULL, "/im/visavis/Relay1", "im.visavis.Relay1.Delivery", vtable, n);
}
