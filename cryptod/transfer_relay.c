/* What an account's transfers ask of relayd (transfer.h, docs/dbus/relay1.md). One question of a transfer's is under
 * way at a time; what nobody waits for is sent without an answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/transfer.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/memfd.h"
#include "services/text.h"

enum { ASK_USEC = 30 * 1000 * 1000, NAMES_MAX = FILE_CHUNKS_MAX * FILE_CHUNK_NAME_SIZE };

#define RELAY_NAME "im.visavis.Relay1"
#define RELAY_TRANSFERS "/im/visavis/Relay1/transfer"
#define RELAY_TRANSFER "im.visavis.Relay1.Transfer"

static void relay_path(const struct account *a, const uint8_t id[static TRANSFER_ID_SIZE], char *out, size_t size)
{
        int n = snprintf(out, size, RELAY_TRANSFERS "/%s_", account_id(a));

        for (unsigned i = 0; i < TRANSFER_ID_SIZE; i++)
                n += snprintf(out + n, size - (size_t) n, "%02x", id[i]);
}

static int new_call(const struct transfer *t, const char *interface, const char *member, sd_bus_message **out)
{
        char path[160];

        relay_path(t->account, t->record.id, path, sizeof(path));
        return sd_bus_message_new_method_call(t->account->cryptod->bus, out, RELAY_NAME, path, interface, member);
}

static int ask(struct transfer *t, sd_bus_message *m, sd_bus_message_handler_t answered)
{
        t->asked = sd_bus_slot_unref(t->asked);
        return sd_bus_call_async(t->account->cryptod->bus, &t->asked, m, answered, t, ASK_USEC);
}

/* The answer has come: whether it is an error, and if nothing more was to be asked. */
static const sd_bus_error *answered(struct transfer *t, sd_bus_message *reply)
{
        t->asked = sd_bus_slot_unref(t->asked);
        return sd_bus_message_get_error(reply);
}

static bool is_unknown(const sd_bus_error *e)
{
        return sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_UNKNOWN_METHOD);
}

/* -- where it stands ----------------------------------------------------------------------------------------------- */

struct progress {
        const char *state, *error;
        double progress;
        uint64_t rate;
};

static int read_property(sd_bus_message *m, struct progress *s)
{
        const char *name;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        if (strcmp(name, "State") == 0)
                return sd_bus_message_read(m, "v", "s", &s->state);
        if (strcmp(name, "Error") == 0)
                return sd_bus_message_read(m, "v", "s", &s->error);
        if (strcmp(name, "Progress") == 0)
                return sd_bus_message_read(m, "v", "d", &s->progress);
        if (strcmp(name, "Rate") == 0)
                return sd_bus_message_read(m, "v", "t", &s->rate);
        return sd_bus_message_skip(m, "v");
}

static int read_progress(sd_bus_message *m, struct progress *s)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, s);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : s->state && s->error ? 0 : -EBADMSG;
}

static int on_looked(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct transfer *t = userdata;
        struct progress s = { 0 };
        const sd_bus_error *e = answered(t, reply);

        if (e && is_unknown(e))
                transfer_seen(t, NULL, "", 0, 0);
        else if (e)
                log_warning("relayd does not say where a file of account %s stands: %s", account_id(t->account),
                            e->message ? e->message : e->name);
        else if (t->ask_again)
                transfer_look(t);
        else if (read_progress(reply, &s) >= 0)
                transfer_seen(t, s.state, s.error, s.progress, s.rate);
        return 0;
}

void transfer_look(struct transfer *t)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        t->ask_again = t->asked != NULL;
        if (t->asked)
                return;
        if (new_call(t, "org.freedesktop.DBus.Properties", "GetAll", &m) >= 0 &&
            sd_bus_message_append(m, "s", RELAY_TRANSFER) >= 0)
                (void) ask(t, m, on_looked); /* relayd tells when something changes */
}

/* -- to and from the hub ------------------------------------------------------------------------------------------- */

static int on_given(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct transfer *t = userdata;
        const sd_bus_error *e = answered(t, reply);

        if (e)
                transfer_fail(t, "relayd did not take it: %s", e->message ? e->message : e->name);
        else
                transfer_look(t);
        return 0;
}

static int give(struct transfer *t, const char *member, int fd)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(t->account->cryptod->bus, &m, RELAY_NAME, RELAY_TRANSFERS,
                                               "im.visavis.Relay1.Transfers", member);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", account_id(t->account));
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', t->record.id, sizeof(t->record.id));
        if (r >= 0)
                r = sd_bus_message_append(m, "h", fd);
        return r < 0 ? r : ask(t, m, on_given);
}

int transfer_upload(struct transfer *t, int pipe)
{
        return give(t, "Upload", pipe);
}

int transfer_download(struct transfer *t)
{
        _cleanup_close_ int names = -1;
        int r = memfd_make(t->record.part.chunks, &names);

        return r < 0 ? r : give(t, "Download", names);
}

static int on_named(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        _cleanup_writer_ struct writer names = WRITER_INIT;
        struct transfer *t = userdata;
        const sd_bus_error *e = answered(t, reply);
        int fd, r = e ? -EIO : sd_bus_message_read(reply, "h", &fd);

        if (r >= 0)
                r = memfd_read(fd, NAMES_MAX, &names);
        if (r >= 0 && names.size != file_part_chunks(t->record.part.size) * FILE_CHUNK_NAME_SIZE)
                r = -EBADMSG;
        if (r >= 0)
                transfer_named(t, writer_bytes(&names));
        else
                transfer_fail(t, "relayd does not say what the file's chunks are called: %s. Resume it.",
                              e && e->message ? e->message : strerror(-r));
        return 0;
}

int transfer_ask_names(struct transfer *t)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(t, RELAY_TRANSFER, "Names", &m);

        return r < 0 ? r : ask(t, m, on_named);
}

static int on_content(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct transfer *t = userdata;
        const sd_bus_error *e = answered(t, reply);
        int fd = -1;

        if (!e && sd_bus_message_read(reply, "h", &fd) < 0)
                fd = -1;
        transfer_content(t, fd, e && e->message ? e->message : "there is no file in its answer.");
        return 0;
}

int transfer_ask_content(struct transfer *t)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = new_call(t, RELAY_TRANSFER, "Content", &m);

        return r < 0 ? r : ask(t, m, on_content);
}

static int on_called(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        sd_bus_message *call = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (e)
                (void) sd_bus_reply_method_error(call, e);
        else
                (void) sd_bus_reply_method_return(call, "");
        return 0;
}

static void unref_call(void *userdata)
{
        sd_bus_message_unref(userdata);
}

int transfer_relay_call(struct transfer *t, const char *member, sd_bus_message *call)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        int r = new_call(t, RELAY_TRANSFER, member, &m);

        if (r >= 0)
                r = sd_bus_call_async(t->account->cryptod->bus, &slot, m, on_called, call, ASK_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, unref_call);
        if (r >= 0) {
                sd_bus_message_ref(call);
                r = sd_bus_slot_set_floating(slot, 1);
        }
        return r;
}

void transfer_forget(struct account *a, const uint8_t id[static TRANSFER_ID_SIZE])
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char path[160];

        relay_path(a, id, path, sizeof(path));
        if (sd_bus_message_new_method_call(a->cryptod->bus, &m, RELAY_NAME, path, RELAY_TRANSFER, "Cancel") >= 0 &&
            sd_bus_message_set_expect_reply(m, 0) >= 0)
                (void) sd_bus_send(a->cryptod->bus, m, NULL);
}

/* -- what is left over --------------------------------------------------------------------------------------------- */

/* One that relayd has for the account and nobody here knows, or that never became whole. */
static bool is_left_over(const struct account *a, const uint8_t id[static TRANSFER_ID_SIZE])
{
        for (const struct transfer *t = a->transfers; t; t = t->next)
                if (memcmp(t->record.id, id, TRANSFER_ID_SIZE) == 0)
                        return t->state == TRANSFER_FAILED && t->record.sends && !t->record.whole;
        return true;
}

static int on_swept(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct account *a = userdata;
        const char *path;
        int r = sd_bus_message_get_error(reply) || !a->messenger
                        ? -ENODATA
                        : sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");

        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
                uint8_t id[TRANSFER_ID_SIZE];
                const char *name;

                r = sd_bus_message_read(reply, "o", &path);
                name = r < 0 ? NULL : strstr(path, account_id(a));
                if (name && name[ACCOUNT_ID_SIZE] == '_' &&
                    hex_decode(name + ACCOUNT_ID_SIZE + 1, id, sizeof(id)) >= 0 && is_left_over(a, id))
                        transfer_forget(a, id);
                if (r >= 0)
                        r = sd_bus_message_skip(reply, "a{sa{sv}}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return 0;
}

void transfers_sweep(struct account *a)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (sd_bus_message_new_method_call(a->cryptod->bus, &m, RELAY_NAME, RELAY_TRANSFERS,
                                           "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") >= 0)
                (void) sd_bus_call_async(a->cryptod->bus, NULL, m, on_swept, a, ASK_USEC);
}
