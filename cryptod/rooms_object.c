/* im.visavis.Crypto1.Rooms at /im/visavis/Crypto1/account/ID: the open rooms of the account's hub. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/messenger_room.h"
#include "cryptod/entering.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Rooms"

enum { LIST_USEC = 30 * 1000 * 1000 };

/* A call that waits for the hub's list. */
struct listing {
        struct account *account;
        sd_bus_message *call;
        unsigned locks;
};

static void listing_free(void *userdata)
{
        struct listing *l = userdata;

        sd_bus_message_unref(l->call);
        free(l);
}

/* What the hub says of a room, and what we know of it. */
static int append_room(struct account *a, sd_bus_message *reply, const char *name, uint32_t members)
{
        struct conversation *c = messenger_room(a->messenger, BYTES_STRING(name));
        _cleanup_free_ char *id = c ? hex_encode(conversation_id(c)) : NULL;

        return sd_bus_message_append(reply, "(subs)", name, members, (int) (c && messenger_is_in_room(c)),
                                     id ? id : "");
}

static int answer(struct listing *l, sd_bus_message *rooms)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name;
        uint32_t members;
        int r = bus_answer_list(l->call, "(subs)", &reply);

        if (r >= 0)
                r = sd_bus_message_enter_container(rooms, 'a', "(su)");
        while (r >= 0 && (r = sd_bus_message_read(rooms, "(su)", &name, &members)) > 0)
                r = append_room(l->account, reply, name, members);
        return r < 0 ? r : bus_send_list(reply);
}

static int on_listed(sd_bus_message *rooms, void *userdata, sd_bus_error *ignored)
{
        const sd_bus_error *refused = sd_bus_message_get_error(rooms);
        struct listing *l = userdata;
        int r = 0;

        if (refused)
                (void) sd_bus_reply_method_error(l->call, refused);
        else if (!l->account->messenger || l->account->locks != l->locks)
                (void) sd_bus_reply_method_errorf(l->call, ERROR_LOCKED, "The account was locked meanwhile.");
        else
                r = answer(l, rooms);
        if (r < 0)
                (void) sd_bus_reply_method_errno(l->call, r, NULL);
        return 0;
}

static int ask(struct listing *l)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        struct account *a = l->account;
        int r = relay_call(a->cryptod, "ListRooms", account_id(a), &m);

        if (r >= 0)
                r = sd_bus_call_async(a->cryptod->bus, &slot, m, on_listed, l, LIST_USEC);
        if (r < 0) {
                listing_free(l);
                return r;
        }
        r = sd_bus_slot_set_destroy_callback(slot, listing_free);
        return r < 0 ? r : sd_bus_slot_set_floating(slot, 1);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct listing *l;
        int r = account_object_check_holder(a, m, error);

        if (r < 0)
                return r;
        l = calloc(1, sizeof(*l));
        if (!l)
                abort();
        *l = (struct listing){ a, sd_bus_message_ref(m), a->locks };
        r = ask(l);
        return r < 0 ? r : 1;
}

static int on_join(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        const char *name;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        return r < 0 ? r : entering_start(a, m, name, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(subs)", rooms), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Join", SD_BUS_ARGS("s", name), SD_BUS_RESULT("s", conversation), on_join,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int rooms_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->rooms_object, path, INTERFACE, vtable, a);
}
