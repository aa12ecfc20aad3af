/* im.visavis.Crypto1.Transfers and the object manager at /im/visavis/Crypto1/account/ID, and who may call what is below
 * that path. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/transfer.h"
#include "services/bus.h"
#include "services/cleanup.h"

#define INTERFACE "im.visavis.Crypto1.Transfers"

/* All below an account, and the list of that, is for the holders of its unlock, whatever the interface: also whether
 * there is anything. sd-bus asks the nodes of a path from its end on, so each that has methods needs the gate before
 * them. 0 lets the call pass to the object's own methods. */
int account_object_gate(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        if (strcmp(sd_bus_message_get_path(m), path) == 0 &&
            !sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", NULL))
                return 0;
        return account_object_check_holder(a, m, error);
}

static int start_error(int r, sd_bus_error *error)
{
        switch (-r) {
        case EDQUOT:
                return sd_bus_error_setf(error, ERROR_BUSY,
                                         "At most %d files of an account can be on their way; wait for one, or cancel "
                                         "one.",
                                         TRANSFERS_OF_ACCOUNT_MAX);
        case EBUSY:
        case EAGAIN:
                return sd_bus_error_set(error, ERROR_BUSY,
                                        "Too many files are being sealed or opened; wait until one is done.");
        case EBADMSG:
                return sd_bus_error_setf(
                        error, ERROR_INVALID_ARGUMENT,
                        "A file's name has 1 to %d bytes of UTF-8, its media type is like "
                        "image/jpeg, a thumbnail has as many pixels as it says, and a voice message at "
                        "most %d levels.",
                        FILE_NAME_MAX, FILE_LEVELS_MAX);
        default:
                return account_object_storage_error(r, error);
        }
}

static int reply(sd_bus_message *m, const struct transfer *t)
{
        char path[192];
        int r = transfer_object_path(t, path, sizeof(path));

        return r < 0 ? r : sd_bus_reply_method_return(m, "o", path);
}

static int read_bytes(sd_bus_message *m, struct bytes *out)
{
        const void *bytes;
        size_t size;
        int r = sd_bus_message_enter_container(m, 'v', "ay");

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0)
                return r;
        *out = BYTES(bytes, size);
        return sd_bus_message_exit_container(m);
}

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct transfer_record *draft = userdata;
        const char *text;
        int r;

        if (strcmp(name, "width") == 0)
                return sd_bus_message_read(m, "v", "u", &draft->part.width);
        if (strcmp(name, "height") == 0)
                return sd_bus_message_read(m, "v", "u", &draft->part.height);
        if (strcmp(name, "duration") == 0)
                return sd_bus_message_read(m, "v", "u", &draft->part.duration);
        if (strcmp(name, "caption") == 0) {
                r = sd_bus_message_read(m, "v", "s", &text);
                if (r >= 0)
                        draft->caption = BYTES_STRING(text);
                return r;
        }
        if (strcmp(name, "thumbnail") == 0)
                return read_bytes(m, &draft->part.thumbnail);
        if (strcmp(name, "voice") != 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "There is no option \"%s\" here.", name);
        draft->part.voice = true;
        return read_bytes(m, &draft->part.levels);
}

static int on_send(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct transfer_record draft = { .sends = true };
        char safe[FILE_NAME_MAX + 1];
        const char *name, *media_type;
        struct conversation *c;
        struct transfer *t;
        struct account *a = userdata;
        int content, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "hss", &content, &name, &media_type);
        if (r >= 0)
                r = bus_read_options(m, read_option, &draft, error);
        if (r < 0)
                return r;
        if (draft.caption.size > CONTENT_TEXT_MAX)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "A caption has at most %d bytes.",
                                         CONTENT_TEXT_MAX);
        file_part_safe_name(BYTES_STRING(name), safe);
        draft.part.name = BYTES_STRING(safe);
        draft.part.media_type = BYTES_STRING(media_type);
        memcpy(draft.conversation, c->id, sizeof(draft.conversation));
        r = transfer_send(a, content, &draft, &t);
        return r < 0 ? start_error(r, error) : reply(m, t);
}

static int on_receive(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(message_release) struct message message = { 0 };
        struct account *a = userdata;
        struct conversation *c;
        struct transfer *t;
        uint64_t id;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "t", &id);
        if (r < 0)
                return r;
        r = id == 0 || id > INT64_MAX ? 0 : history_next(a->vault, conversation_id(c), id - 1, &message);
        if (r < 0)
                return account_object_storage_error(r, error);
        if (r == 0 || message.id != id || message.content.kind != CONTENT_FILE)
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "There is no message with a file of that number here.");
        r = transfer_receive(a, c, id, &message.content.file, &t);
        return r < 0 ? start_error(r, error) : reply(m, t);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                "Send", SD_BUS_ARGS("s", conversation, "h", content, "s", name, "s", media_type, "a{sv}", options),
                SD_BUS_RESULT("o", transfer), on_send, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Receive", SD_BUS_ARGS("s", conversation, "t", message), SD_BUS_RESULT("o", transfer),
                                on_receive, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* What is below an account, whether or not anything of it is there: Introspect of the account, which anybody may call,
 * says the same at all times. sd-bus asks for the nodes of every path below with that path as @prefix, and leaves out
 * those that are not below it. */
static int enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***out, sd_bus_error *error)
{
        static const char *const names[] = { "contact", "conversation", "transfer" };
        char **nodes = calloc(COUNT_OF(names) + 1, sizeof(*nodes)), path[128];

        if (!nodes)
                return -ENOMEM;
        (void) account_object_path(userdata, path, sizeof(path));
        for (size_t i = 0; i < COUNT_OF(names); i++)
                if (asprintf(&nodes[i], "%s/%s", path, names[i]) < 0)
                        abort();
        *out = nodes;
        return 0;
}

int transfers_object_export(struct account *a)
{
        sd_bus *bus = a->cryptod->bus;
        char path[128];
        int r;

        (void) account_object_path(a, path, sizeof(path));
        r = sd_bus_add_node_enumerator(bus, &a->nodes, path, enumerate, a);
        if (r >= 0)
                r = sd_bus_add_fallback(bus, &a->transfers_gate, path, account_object_gate, a);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus, &a->transfers_manager, path);
        return r < 0 ? r : sd_bus_add_object_vtable(bus, &a->transfers_object, path, INTERFACE, vtable, a);
}
