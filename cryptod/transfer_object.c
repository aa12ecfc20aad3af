/* im.visavis.Crypto1.Transfer at /im/visavis/Crypto1/account/ID/transfer/ID. Who may call is decided for all objects
 * below an account together (transfers_object.c). What changes is told to the holders of the unlock alone, gathered
 * over a moment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/transfer.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

enum { REPORT_USEC = 200 * 1000, PATH_SIZE = 192 };

#define INTERFACE "im.visavis.Crypto1.Transfer"

int transfer_object_path(const struct transfer *t, char *out, size_t size)
{
        _cleanup_free_ char *id = hex_encode(BYTES_OF(t->record.id));

        return id ? snprintf(out, size, CRYPTO_PATH "/account/%s/transfer/%s", account_id(t->account), id) : -ENOMEM;
}

static const char *state_name(enum transfer_state state)
{
        static const char *const names[] = {
                [TRANSFER_SEALING] = "sealing", [TRANSFER_WAITING] = "waiting", [TRANSFER_RUNNING] = "running",
                [TRANSFER_PAUSED] = "paused",   [TRANSFER_READY] = "ready",     [TRANSFER_FAILED] = "failed"
        };

        return names[state];
}

static int on_pause(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;

        if (t->state == TRANSFER_SEALING)
                return sd_bus_error_set(error, ERROR_BUSY, "The file is still being sealed; wait until that is done.");
        int r = transfer_relay_call(t, "Pause", m);

        return r < 0 ? r : 1;
}

static int on_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;

        if (t->record.sends && !t->record.whole)
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "relayd does not have the whole file; cancel this and send it again.");
        transfer_look(t); /* it may have failed here, when relayd was done already */
        int r = transfer_relay_call(t, "Resume", m);

        return r < 0 ? r : 1;
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        int r = transfer_cancel(userdata);

        return r < 0 ? account_object_storage_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int read_option(sd_bus_message *m, const char *name, void *offset, sd_bus_error *error)
{
        if (strcmp(name, "offset") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "There is no option \"%s\" here.", name);
        return sd_bus_message_read(m, "v", "t", (uint64_t *) offset);
}

static int on_save(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;
        uint64_t offset = 0;
        int fd, r = sd_bus_message_read(m, "h", &fd);

        if (r >= 0)
                r = bus_read_options(m, read_option, &offset, error);
        if (r < 0)
                return r;
        if (t->state != TRANSFER_READY)
                return sd_bus_error_set(error, ERROR_BUSY,
                                        t->record.sends ? "This file is being sent; only those that are fetched can be "
                                                          "saved."
                                                        : "The file is not here yet; wait until State is ready.");
        r = transfer_save(t, m, fd, offset);
        if (r == -EBUSY)
                return sd_bus_error_set(error, ERROR_BUSY, "The file is being saved already; wait for that.");
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static double progress_of(const struct transfer *t)
{
        if (t->state != TRANSFER_SEALING || !t->job)
                return t->state == TRANSFER_READY ? 1.0 : t->progress;
        return t->expected > 0 ? (double) file_job_progress(t->job) / (double) t->expected : 0.0;
}

static int append_property(sd_bus_message *m, const char *property, void *userdata)
{
        struct transfer *t = userdata;
        char name[FILE_NAME_MAX + 1], type[FILE_MEDIA_TYPE_MAX + 1];
        struct bytes media_type = t->record.part.media_type;

        file_part_safe_name(t->record.part.name, name);
        (void) snprintf(type, sizeof(type), "%.*s", (int) media_type.size, (const char *) media_type.data);
        if (strcmp(property, "Conversation") == 0) {
                _cleanup_free_ char *id = hex_encode(BYTES_OF(t->record.conversation));

                return id ? sd_bus_message_append(m, "s", id) : -ENOMEM;
        }
        if (strcmp(property, "Message") == 0)
                return sd_bus_message_append(m, "t", t->record.message);
        if (strcmp(property, "Direction") == 0)
                return sd_bus_message_append(m, "s", t->record.sends ? "send" : "receive");
        if (strcmp(property, "Name") == 0)
                return sd_bus_message_append(m, "s", name);
        if (strcmp(property, "MediaType") == 0)
                return sd_bus_message_append(m, "s", type);
        if (strcmp(property, "Size") == 0)
                return sd_bus_message_append(m, "t", t->record.part.size > 0 ? t->record.part.size : t->expected);
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(m, "s", state_name(t->state));
        if (strcmp(property, "Error") == 0)
                return sd_bus_message_append(m, "s", t->error ? t->error : "");
        if (strcmp(property, "Progress") == 0)
                return sd_bus_message_append(m, "d", progress_of(t));
        return sd_bus_message_append(m, "t", t->rate);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return append_property(reply, property, userdata);
}

static const struct bus_property properties[] = { { "Conversation", "s" }, { "Message", "t" },   { "Direction", "s" },
                                                  { "Name", "s" },         { "MediaType", "s" }, { "Size", "t" },
                                                  { "State", "s" },        { "Error", "s" },     { "Progress", "d" },
                                                  { "Rate", "t" } };

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Pause", "", "", on_pause, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Resume", "", "", on_resume, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Cancel", "", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Save", SD_BUS_ARGS("h", output, "a{sv}", options), SD_BUS_NO_RESULT, on_save,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Saved", SD_BUS_ARGS("s", error, "s", text), 0),
        SD_BUS_PROPERTY("Conversation", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Message", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Direction", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Name", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("MediaType", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Size", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Error", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Progress", "d", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Rate", "t", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static void tell_holders(struct transfer *t,
                         int (*emit)(sd_bus *bus, const char *destination, const struct bus_object *o))
{
        struct account *a = t->account;
        char path[PATH_SIZE], manager[128];
        struct bus_object o = { manager, path, INTERFACE, properties, COUNT_OF(properties), append_property, t };

        (void) account_object_path(a, manager, sizeof(manager));
        if (transfer_object_path(t, path, sizeof(path)) < 0)
                return;
        for (const char *name = sd_bus_track_first(a->holders); name; name = sd_bus_track_next(a->holders))
                (void) emit(a->cryptod->bus, name, &o);
}

int transfer_object_export(struct transfer *t)
{
        char path[PATH_SIZE];
        int r = transfer_object_path(t, path, sizeof(path));

        if (r >= 0)
                r = sd_bus_add_object(t->account->cryptod->bus, &t->gate, path, account_object_gate, t->account);
        if (r >= 0)
                r = sd_bus_add_object_vtable(t->account->cryptod->bus, &t->object, path, INTERFACE, vtable, t);
        if (r >= 0)
                tell_holders(t, bus_emit_added_to);
        return r;
}

void transfer_object_remove(struct transfer *t)
{
        tell_holders(t, bus_emit_removed_to);
}

static int on_report(sd_event_source *source, uint64_t usec, void *userdata)
{
        static const char *const names[] = { "Size", "State", "Error", "Progress", NULL };
        struct transfer *t = userdata;
        struct account *a = t->account;
        char path[PATH_SIZE];

        t->report = sd_event_source_disable_unref(t->report);
        if (transfer_object_path(t, path, sizeof(path)) < 0)
                return 0;
        for (const char *name = sd_bus_track_first(a->holders); name; name = sd_bus_track_next(a->holders))
                (void) bus_emit_properties_changed_to(a->cryptod->bus, name, path, INTERFACE, names);
        return 0;
}

void transfer_object_changed(struct transfer *t)
{
        struct cryptod *c = t->account->cryptod;

        if (!t->report)
                (void) sd_event_add_time_relative(c->event, &t->report, CLOCK_MONOTONIC, REPORT_USEC, 0, on_report, t);
}

void transfer_object_saved(struct transfer *t, const sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *saver = sd_bus_track_first(t->saver);
        char path[PATH_SIZE];

        if (saver && transfer_object_path(t, path, sizeof(path)) >= 0 &&
            bus_signal_to(t->account->cryptod->bus, saver, path, INTERFACE, "Saved", &m) >= 0 &&
            sd_bus_message_append(m, "ss", error ? error->name : "", error ? error->message : "") >= 0)
                (void) sd_bus_send(NULL, m, NULL);
}
