/* im.visavis.Relay1.Transfers and the object manager of all transfers, at /im/visavis/Relay1/transfer. All that is
 * below it is for cryptod and root alone, whatever the interface: a file's size and hours are nobody else's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/memfd.h"
#include "transfer.h"

enum { WATCHERS_MAX = 32 };

#define PATH "/im/visavis/Relay1/transfer"
#define FOR_CRYPTOD "Transfers are for cryptod; use im.visavis.Crypto1 instead."

static int on_watchers_gone(sd_bus_track *track, void *userdata)
{
        return 1; /* 0 would have it called again and again */
}

/* 0 lets the call pass to the object's own methods. */
int transfers_gate(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct node *n = userdata;
        struct caller caller;
        int r = caller_of(m, &caller);

        if (r >= 0 && caller.uid != 0)
                r = peer_check(&n->settings.crypto, m, FOR_CRYPTOD, error);
        if (r < 0)
                return r;
        if (!n->transfer_watchers && sd_bus_track_new(n->bus, &n->transfer_watchers, on_watchers_gone, n) < 0)
                return 0;
        if (sd_bus_track_count(n->transfer_watchers) < WATCHERS_MAX)
                (void) sd_bus_track_add_name(n->transfer_watchers, caller.name);
        return 0;
}

/* What both begin with: the account, the transfer's id, and a descriptor, which stays the message's. */
static int read_start(struct node *n, sd_bus_message *m, sd_bus_error *error, struct account **account,
                      const uint8_t **id, int *fd)
{
        size_t size = 0;
        const char *name;
        const void *bytes = NULL;
        int r = peer_check(&n->settings.crypto, m, FOR_CRYPTOD, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r >= 0)
                r = sd_bus_message_read(m, "h", fd);
        if (r < 0)
                return r;
        *account = node_account(n, name);
        if (!*account || !(*account)->row.registered)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND, "relayd has no account %s; add it with AddAccount.",
                                         name);
        if (size != TRANSFER_ID_SIZE)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "A transfer's id has 16 bytes.");
        *id = bytes;
        return 0;
}

static int reply(sd_bus_message *m, const struct transfer *t)
{
        char path[192];

        transfer_object_path(t, path, sizeof(path));
        return sd_bus_reply_method_return(m, "o", path);
}

static int start_error(struct node *n, int r, sd_bus_error *error)
{
        switch (r) {
        case -E2BIG:
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "relayd keeps at most %d transfers of an account; cancel some that are done.",
                                         TRANSFERS_MAX);
        case -EDQUOT:
                return sd_bus_error_setf(
                        error, ERROR_STORAGE,
                        "Files of this account that are under way may take %llu MiB of relayd's disk "
                        "(spool in relayd.conf), and this one does not fit. Wait until others are done, "
                        "or cancel one.",
                        (unsigned long long) (n->settings.spool_max >> 20));
        case -EINVAL:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The content cannot be read: pass a pipe or a stream socket.");
        default:
                return sd_bus_error_setf(error, ERROR_STORAGE, "The transfer could not be started: %s.", strerror(-r));
        }
}

static int on_upload(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = NULL;
        struct node *n = userdata;
        const uint8_t *id = NULL;
        int fd, r = read_start(n, m, error, &a, &id, &fd);

        if (r < 0)
                return r;
        struct transfer *t = transfer_find(a, id);

        if (t)
                return reply(m, t);
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = fd < 0 ? -errno : transfer_upload(a, id, fd, &t);
        return r < 0 ? start_error(n, r, error) : reply(m, t);
}

static int on_download(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer names = WRITER_INIT;
        struct account *a = NULL;
        struct node *n = userdata;
        const uint8_t *id = NULL;
        int fd, r = read_start(n, m, error, &a, &id, &fd);

        if (r < 0)
                return r;
        struct transfer *t = transfer_find(a, id);

        if (t)
                return reply(m, t);
        if (memfd_read(fd, TRANSFER_CHUNKS_MAX * CHUNK_NAME_SIZE, &names) < 0 || names.size % CHUNK_NAME_SIZE != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The names cannot be read: pass a sealed memfd with 32 bytes for each of 1 to "
                                         "%d chunks.",
                                         TRANSFER_CHUNKS_MAX);
        r = transfer_download(a, id, writer_bytes(&names), &t);
        return r < 0 ? start_error(n, r, error) : reply(m, t);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Upload", SD_BUS_ARGS("s", account, "ay", id, "h", content),
                                SD_BUS_RESULT("o", transfer), on_upload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Download", SD_BUS_ARGS("s", account, "ay", id, "h", names),
                                SD_BUS_RESULT("o", transfer), on_download, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int transfers_export(struct node *n)
{
        int r = sd_bus_add_object(n->bus, &n->transfer_gate, PATH, transfers_gate, n);

        if (r >= 0)
                r = sd_bus_add_object_manager(n->bus, NULL, PATH);
        return r < 0 ? r : sd_bus_add_object_vtable(n->bus, NULL, PATH, "im.visavis.Relay1.Transfers", vtable, n);
}
