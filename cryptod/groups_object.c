/* im.visavis.Crypto1.Groups at /im/visavis/Crypto1/account/ID: groups, and who is in them. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cryptod/claims.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define INTERFACE "im.visavis.Crypto1.Groups"

static int group_error(int r, const struct invitee *invitees, size_t count, sd_bus_error *error)
{
        switch (-r) {
        case EINVAL:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is a conversation with one person; create a group.");
        case ENOTCONN:
                return sd_bus_error_set(error, ERROR_NOT_FOUND,
                                        "You are not in it any more; have a member add you, or join the room again.");
        case EPERM:
                return sd_bus_error_set(error, ERROR_ACCESS_DENIED,
                                        "Your role in this group does not allow that; ask an owner or "
                                        "admin; the list of members has them.");
        case EOPNOTSUPP:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is a room: people come and go by themselves, and its hub names it.");
        case EBUSY:
                return sd_bus_error_set(error, ERROR_BUSY, "The room is being joined; leave it when that is done.");
        case EDOM:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A group's name has 1 to %d bytes, no @ and no control characters, and begins "
                                         "with neither # nor a space.",
                                         CONVERSATION_NAME_MAX);
        case E2BIG:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "A group has at most %d members.",
                                         GROUP_MEMBERS_MAX);
        case EMSGSIZE:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The group has grown too large to be changed in this way; add fewer people at "
                                        "a time.");
        default:
                return claims_error(r, invitees, count, error);
        }
}

static int read_addresses(struct account *a, sd_bus_message *m, struct writer *out, sd_bus_error *error)
{
        const char *text;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0)
                r = claims_read_address(a, text, out, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int create(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
                  sd_bus_error *error)
{
        _cleanup_free_ char *id = NULL;
        struct conversation *c;
        const char *name;
        int r = sd_bus_message_rewind(call, true);

        if (r >= 0)
                r = sd_bus_message_read(call, "s", &name);
        if (r < 0)
                return r;
        r = messenger_create_group(a->messenger, BYTES_STRING(name), invitees, count, (uint64_t) time(NULL), &c);
        if (r < 0)
                return group_error(r, invitees, count, error);
        id = hex_encode(conversation_id(c));
        return id ? sd_bus_reply_method_return(call, "s", id) : -ENOMEM;
}

static int on_create(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        struct account *a = userdata;
        const char *name;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r >= 0 && !profile_name_valid(BYTES_STRING(name)))
                return group_error(-EDOM, NULL, 0, error);
        if (r >= 0)
                r = read_addresses(a, m, &addresses, error);
        return r < 0 ? r : claims_start(a, m, writer_bytes(&addresses), create, error);
}

static int add(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
               sd_bus_error *error)
{
        struct conversation *c;
        int r = sd_bus_message_rewind(call, true);

        if (r >= 0)
                r = account_object_read_conversation(a, call, error, &c);
        if (r < 0)
                return r;
        r = messenger_add_members(a->messenger, c, invitees, count, (uint64_t) time(NULL));
        return r < 0 ? group_error(r, invitees, count, error) : sd_bus_reply_method_return(call, "");
}

/* Before key packages are used up for nothing. */
static int check_newcomers(const struct conversation *c, struct bytes addresses, sd_bus_error *error)
{
        struct reader r;

        reader_init(&r, addresses);
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                if (messenger_has_member(c, address))
                        return sd_bus_error_setf(error, ERROR_EXISTS,
                                                 "%.*s is in this group already; nobody was added.", (int) address.size,
                                                 (const char *) address.data);
        }
        return 0;
}

static int on_add(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0 && c->kind == CONVERSATION_PERSON)
                return group_error(-EINVAL, NULL, 0, error);
        if (r >= 0)
                r = read_addresses(a, m, &addresses, error);
        if (r >= 0 && c->kind == CONVERSATION_GROUP)
                r = check_newcomers(c, writer_bytes(&addresses), error);
        return r < 0 ? r : claims_start(a, m, writer_bytes(&addresses), add, error);
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char address[ADDRESS_TEXT_MAX];
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = account_object_read_address(m, address, error);
        if (r < 0)
                return r;
        r = messenger_remove_member(a->messenger, c, address);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "%s is no other member of this group; see the list of members. To go "
                                         "yourself, leave it.",
                                         address);
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_set_role(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char address[ADDRESS_TEXT_MAX];
        struct account *a = userdata;
        struct conversation *c;
        const char *name;
        enum role role;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = account_object_read_address(m, address, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (role_parse(name, &role) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is no role; there are owner, admin and member.", name);
        r = messenger_set_role(a->messenger, c, address, role);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "%s is no member of this group; see the list of members.", address);
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_set_policy(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int add, edit, r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "bb", &add, &edit);
        if (r < 0)
                return r;
        r = messenger_set_policy(a->messenger, c,
                                 (uint8_t) ((add ? POLICY_MEMBERS_ADD : 0) | (edit ? POLICY_MEMBERS_EDIT : 0)));
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_set_picture(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const void *picture;
        size_t size;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &picture, &size);
        if (r < 0)
                return r;
        r = messenger_set_picture(a->messenger, c, BYTES(picture, size));
        if (r == -EMSGSIZE)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "A group's picture has at most %d bytes; make it smaller.",
                                         CONVERSATION_PICTURE_MAX);
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_describe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct conversation *c;
        struct profile p;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = messenger_group_profile(c, &p);
        if (r < 0)
                return group_error(r, NULL, 0, error);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_sensitive(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "sbb", c->name, (p.policy & POLICY_MEMBERS_ADD) != 0,
                                          (p.policy & POLICY_MEMBERS_EDIT) != 0);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', p.picture.data, p.picture.size);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int on_rename(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        const char *name;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = messenger_rename(a->messenger, c, BYTES_STRING(name));
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_leave(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct account *a = userdata;
        struct conversation *c;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r < 0)
                return r;
        r = messenger_leave(a->messenger, c);
        return r < 0 ? group_error(r, NULL, 0, error) : sd_bus_reply_method_return(m, "");
}

static int on_members(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        struct conversation *c;
        struct member_view v;
        uint32_t place = 0;
        int r = account_object_read_conversation(a, m, error, &c);

        if (r >= 0)
                r = bus_answer_list(m, "(ssbb)", &reply);
        while (r >= 0 && (r = messenger_next_member(a->messenger, c, &place, &v)) > 0) {
                r = sd_bus_message_append(reply, "(ssbb)", v.address, role_name(v.role), (int) v.verified,
                                          (int) v.other_key);
                place++;
        }
        return r < 0 ? r : bus_send_list(reply);
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct account *a = userdata;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = bus_answer_list(m, "(ssb)", &reply);
        for (const struct conversation *c = r >= 0 ? messenger_conversations(a->messenger) : NULL; r >= 0 && c;
             c = c->next) {
                _cleanup_free_ char *id = hex_encode(conversation_id(c));

                if (c->kind != CONVERSATION_PERSON)
                        r = id ? sd_bus_message_append(reply, "(ssb)", id, c->name, (int) messenger_is_member(c))
                               : -ENOMEM;
        }
        return r < 0 ? r : bus_send_list(reply);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Create", SD_BUS_ARGS("s", name, "as", members), SD_BUS_RESULT("s", conversation),
                                on_create, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssb)", groups), on_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Members", SD_BUS_ARGS("s", conversation), SD_BUS_RESULT("a(ssbb)", members),
                                on_members, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_ARGS("s", conversation),
                                SD_BUS_RESULT("s", name, "b", members_add, "b", members_edit, "ay", picture),
                                on_describe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", conversation, "as", members), SD_BUS_NO_RESULT, on_add,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", conversation, "s", address), SD_BUS_NO_RESULT, on_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Rename", SD_BUS_ARGS("s", conversation, "s", name), SD_BUS_NO_RESULT, on_rename,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetRole", SD_BUS_ARGS("s", conversation, "s", address, "s", role), SD_BUS_NO_RESULT,
                                on_set_role, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetPolicy", SD_BUS_ARGS("s", conversation, "b", members_add, "b", members_edit),
                                SD_BUS_NO_RESULT, on_set_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetPicture", SD_BUS_ARGS("s", conversation, "ay", picture), SD_BUS_NO_RESULT,
                                on_set_picture, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Leave", SD_BUS_ARGS("s", conversation), SD_BUS_NO_RESULT, on_leave,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int groups_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->groups_object, path, INTERFACE, vtable, a);
}
