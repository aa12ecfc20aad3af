/* im.visavis.Relay1.Transfer at /im/visavis/Relay1/transfer/ACCOUNT_ID. Who may call is decided for all of them
 * together in transfers_object.c. What changes is told to those alone who have asked before, gathered over a moment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/memfd.h"
#include "spool.h"
#include "transfer.h"

enum { REPORT_USEC = 200 * 1000, PATH_SIZE = 192 };

#define INTERFACE "im.visavis.Relay1.Transfer"
#define MANAGER_PATH "/im/visavis/Relay1/transfer"

void transfer_object_path(const struct transfer *t, char *out, size_t size)
{
        int n = snprintf(out, size, MANAGER_PATH "/%s_", t->account->row.account);

        for (unsigned i = 0; i < TRANSFER_ID_SIZE; i++)
                n += snprintf(out + n, size - (size_t) n, "%02x", t->row.transfer[i]);
}

static int storage_error(const struct transfer *t, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR_STORAGE, "%s", ledger_describe(t->account->node->ledger));
}

static int on_pause(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;

        return transfer_pause(t) < 0 ? storage_error(t, error) : sd_bus_reply_method_return(m, "");
}

static int on_resume(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;
        int r = transfer_resume(t);

        if (r == -ENODATA)
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "relayd does not have the whole file; cancel this and send it again.");
        return r < 0 ? storage_error(t, error) : sd_bus_reply_method_return(m, "");
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer *t = userdata;

        return transfer_cancel(t) < 0 ? storage_error(t, error) : sd_bus_reply_method_return(m, "");
}

static int on_names(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_close_ int fd = -1;
        struct transfer *t = userdata;

        if (t->count == 0)
                return sd_bus_error_set(error, ERROR_BUSY, "The file is still coming in; ask when it is there.");
        int r = memfd_make(t->row.names, &fd);

        return r < 0 ? r : sd_bus_reply_method_return(m, "h", fd);
}

static int on_content(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char file[TRANSFER_FILE_MAX];
        _cleanup_close_ int fd = -1;
        struct transfer *t = userdata;

        if (t->row.upload)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is an upload; only downloads have content.");
        if (transfer_state(t) != TRANSFER_DONE)
                return sd_bus_error_set(error, ERROR_BUSY, "The file is not whole yet; ask when State is done.");
        transfer_file(t, file);
        int r = spool_reopen(t->account->node->spool, file, &fd);

        if (r < 0)
                return sd_bus_error_setf(error, ERROR_STORAGE, "The file cannot be opened in relayd's spool: %s.",
                                         strerror(-r));
        return sd_bus_reply_method_return(m, "h", fd);
}

static int append_property(sd_bus_message *m, const char *property, void *userdata)
{
        struct transfer *t = userdata;
        static const char *const states[] = {
                [TRANSFER_RECEIVING] = "receiving", [TRANSFER_WAITING] = "waiting", [TRANSFER_RUNNING] = "running",
                [TRANSFER_PAUSED] = "paused",       [TRANSFER_DONE] = "done",       [TRANSFER_FAILED] = "failed"
        };

        if (strcmp(property, "Account") == 0)
                return sd_bus_message_append(m, "s", t->account->row.account);
        if (strcmp(property, "Id") == 0)
                return sd_bus_message_append_array(m, 'y', t->row.transfer, sizeof(t->row.transfer));
        if (strcmp(property, "Direction") == 0)
                return sd_bus_message_append(m, "s", t->row.upload ? "upload" : "download");
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(m, "s", states[transfer_state(t)]);
        if (strcmp(property, "Error") == 0)
                return sd_bus_message_append(m, "s", transfer_error(t));
        if (strcmp(property, "Progress") == 0)
                return sd_bus_message_append(m, "d", t->count > 0 ? (double) t->done / t->count : 0.0);
        if (strcmp(property, "Chunks") == 0)
                return sd_bus_message_append(m, "u", t->count);
        if (strcmp(property, "ChunksDone") == 0)
                return sd_bus_message_append(m, "u", t->done);
        if (strcmp(property, "Size") == 0)
                return sd_bus_message_append(m, "t", t->intake ? intake_size(t->intake) : t->row.size);
        return sd_bus_message_append(m, "t", transfer_rate(t));
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return append_property(reply, property, userdata);
}

static const struct bus_property properties[] = { { "Account", "s" }, { "Id", "ay" },        { "Direction", "s" },
                                                  { "State", "s" },   { "Error", "s" },      { "Progress", "d" },
                                                  { "Chunks", "u" },  { "ChunksDone", "u" }, { "Size", "t" },
                                                  { "Rate", "t" } };

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Pause", "", "", on_pause, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Resume", "", "", on_resume, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Cancel", "", "", on_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Names", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", names), on_names,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Content", SD_BUS_NO_ARGS, SD_BUS_RESULT("h", content), on_content,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Account", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Id", "ay", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Direction", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Error", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Progress", "d", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Chunks", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("ChunksDone", "u", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Size", "t", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("Rate", "t", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static void tell_all(struct transfer *t, int (*emit)(sd_bus *bus, const char *destination, const struct bus_object *o))
{
        struct node *n = t->account->node;
        char path[PATH_SIZE];
        struct bus_object o = { MANAGER_PATH, path, INTERFACE, properties, COUNT_OF(properties), append_property, t };

        transfer_object_path(t, path, sizeof(path));
        for (const char *name = sd_bus_track_first(n->transfer_watchers); name;
             name = sd_bus_track_next(n->transfer_watchers))
                (void) emit(n->bus, name, &o);
}

int transfer_object_export(struct transfer *t)
{
        struct node *n = t->account->node;
        char path[PATH_SIZE];
        int r;

        transfer_object_path(t, path, sizeof(path));
        r = sd_bus_add_object(n->bus, &t->gate, path, transfers_gate, n);
        if (r >= 0)
                r = sd_bus_add_object_vtable(n->bus, &t->object, path, INTERFACE, vtable, t);
        if (r >= 0)
                tell_all(t, bus_emit_added_to);
        return r;
}

void transfer_object_remove(struct transfer *t)
{
        tell_all(t, bus_emit_removed_to);
}

static int on_report(sd_event_source *source, uint64_t usec, void *userdata)
{
        static const char *const names[] = { "State", "Error", "Progress", "Chunks", "ChunksDone", "Size", NULL };
        struct transfer *t = userdata;
        struct node *n = t->account->node;
        char path[PATH_SIZE];

        t->report = sd_event_source_disable_unref(t->report);
        transfer_object_path(t, path, sizeof(path));
        for (const char *name = sd_bus_track_first(n->transfer_watchers); name;
             name = sd_bus_track_next(n->transfer_watchers))
                (void) bus_emit_properties_changed_to(n->bus, name, path, INTERFACE, names);
        cryptod_transfer_changed(t->account, BYTES_OF(t->row.transfer));
        return 0;
}

void transfer_object_changed(struct transfer *t)
{
        struct node *n = t->account->node;

        if (!t->report && (n->transfer_watchers || t->account->peer))
                (void) sd_event_add_time_relative(n->event, &t->report, CLOCK_MONOTONIC, REPORT_USEC, 0, on_report, t);
}
