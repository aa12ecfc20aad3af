/* im.visavis.Crypto1.Invitations at /im/visavis/Crypto1/account/ID: links into groups. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_invitation.h"
#include "cryptod/rejoining.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Invitations"

static int invitation_error(int r, sd_bus_error *error)
{
        switch (-r) {
        case EINVAL:
        case EOPNOTSUPP:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "Only a group has invitations; create one.");
        case ENOTCONN:
                return sd_bus_error_set(error, ERROR_NOT_FOUND, "You are not in this group.");
        case EPERM:
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "Your role in this group does not allow you to add people; ask an owner or "
                                        "admin.");
        case ERANGE:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "An invitation expires later than now, and within %d days.",
                                         INVITATION_DAYS_MAX);
        case E2BIG:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A group has at most %d invitations; take one back first.", INVITATIONS_MAX);
        case ENOENT:
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "The group has no such invitation; the list has those that there are.");
        case EMSGSIZE:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The account's address is too long for a link; add people by theirs.");
        default:
                return account_object_storage_error(r, error);
        }
}

static int on_invite(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char link[CONTACT_LINK_MAX];
        struct account *a = userdata;
        struct conversation *c;
        uint64_t expires;
        uint32_t uses;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "tu", &expires, &uses);
        if (r < 0)
                return r;
        r = messenger_invite(a->messenger, c, expires, uses, link);
        if (r < 0)
                return invitation_error(r, error);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_sensitive(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", link);
        explicit_bzero(link, sizeof(link));
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int append(sd_bus_message *reply, const struct conversation *c, const struct invitation *i)
{
        _cleanup_writer_ struct writer author = WRITER_INIT;
        _cleanup_free_ char *id = hex_encode(i->id);

        messenger_invitation_author(c, i->author, &author);
        write_u8(&author, 0);
        return id && writer_finish(&author) >= 0
                       ? sd_bus_message_append(reply, "(sstu)", id, (const char *) author.data, i->expires, i->uses)
                       : -ENOMEM;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_writer_ struct writer list = WRITER_INIT;
        struct account *a = userdata;
        struct conversation *c;
        struct reader reader;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = messenger_invitations(a->messenger, c, &list);
        if (r < 0)
                return invitation_error(r, error);
        r = bus_answer_list(m, "(sstu)", &reply);
        reader_init(&reader, writer_bytes(&list));
        while (r >= 0 && reader_more(&reader)) {
                struct invitation i;

                invitation_read(&reader, &i);
                r = append(reply, c, &i);
        }
        return r < 0 ? r : bus_send_list(reply);
}

static int on_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        uint8_t id[INVITATION_ID_SIZE];
        struct account *a = userdata;
        struct conversation *c;
        const char *text;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        r = hex_decode(text, id, sizeof(id)) < 0 ? -ENOENT : messenger_revoke(a->messenger, c, BYTES_OF(id));
        return r < 0 ? invitation_error(r, error) : sd_bus_reply_method_return(m, "");
}

static int join_error(int r, const struct invitation_link *l, sd_bus_error *error)
{
        switch (-r) {
        case EINVAL:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is a link of the account's own; give it to somebody else.");
        case ETIME:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The invitation has expired; ask for a new one.");
        case EXDEV:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The group is on the hub %s, on which this account has no address; add that "
                                         "hub to the account first.",
                                         l->inviter.address.host);
        case EKEYREJECTED:
                return sd_bus_error_set(error, ERROR_HUB,
                                        "The link says that who has made it has another key than the one that is known "
                                        "here. Nothing has changed; ask them in another way.");
        case E2BIG:
                return sd_bus_error_setf(error, ERROR_BUSY,
                                         "%d invitations are being followed already; wait until some are answered.",
                                         ENTRANCES_MAX);
        default:
                return account_object_storage_error(r, error);
        }
}

static int on_join(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(invitation_link_release) struct invitation_link l = { 0 };
        const char *text, *reason = "";
        char inviter[ADDRESS_TEXT_MAX];
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (invitation_link_read(text, &l, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "This is no invitation: %s", reason);
        r = messenger_join_by_link(a->messenger, &l);
        if (r < 0)
                return join_error(r, &l, error);
        rejoining_next(a);
        address_format(&l.inviter.address, false, inviter);
        return sd_bus_reply_method_return(m, "s", inviter);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Invite", SD_BUS_ARGS("s", conversation, "t", expires, "u", uses),
                                SD_BUS_RESULT("s", link), on_invite, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("s", conversation), SD_BUS_RESULT("a(sstu)", invitations), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Revoke", SD_BUS_ARGS("s", conversation, "s", invitation), SD_BUS_NO_RESULT, on_revoke,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Join", SD_BUS_ARGS("s", link), SD_BUS_RESULT("s", inviter), on_join,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_VTABLE_END,
};

int invitations_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->invitations_object, path, INTERFACE, vtable, a);
}
