/* im.visavis.Crypto1.Conversation at …/account/ID/conversation/ID, and im.visavis.Crypto1.Contact at
 * …/account/ID/contact/ID: what a program shows in its lists, as objects of the account's object manager. They are
 * found by their ids and not registered one by one; who may call is decided in transfers_object.c for all that is below
 * an account. Signals go to the holders of the unlock alone, and name properties without their values. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_contact.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/text.h"

#define CONVERSATION "im.visavis.Crypto1.Conversation"
#define CONTACT "im.visavis.Crypto1.Contact"

enum { PATH_SIZE = 192 };

/* One of the two kinds of objects. */
struct kind {
        const char *interface, *directory;
        bool (*exists)(struct account *a, const struct conversation *c);
        const struct bus_property *properties;
        size_t property_count;
        int (*append)(sd_bus_message *m, const char *property, void *userdata);
        const char *const *changing; /* the properties that change */
};

/* What a getter and a signal are about. */
struct subject {
        struct account *account;
        const struct conversation *conversation;
};

static int base_path(const struct account *a, const struct kind *k, char *out, size_t size)
{
        return snprintf(out, size, CRYPTO_PATH "/account/%s/%s", account_id(a), k->directory);
}

static int object_path(const struct account *a, const struct kind *k, const struct conversation *c, char *out,
                       size_t size)
{
        _cleanup_free_ char *id = hex_encode(conversation_id(c));
        int n = base_path(a, k, out, size);

        return id ? snprintf(out + n, size - (size_t) n, "/%s", id) : -ENOMEM;
}

static const struct conversation *find_by_path(struct account *a, const char *path)
{
        uint8_t id[CONVERSATION_ID_SIZE];
        const char *name = strrchr(path, '/');

        return a->messenger && name && hex_decode(name + 1, id, sizeof(id)) >= 0
                       ? messenger_find(a->messenger, BYTES_OF(id))
                       : NULL;
}

/* -- a conversation ------------------------------------------------------------------------------------------------ */

/* Somebody who is known from a group alone has none. */
static bool conversation_exists(struct account *a, const struct conversation *c)
{
        _cleanup_(message_release) struct message last = { 0 };

        return c->memberships || history_last(a->vault, conversation_id(c), &last) > 0;
}

static int append_last(sd_bus_message *m, const struct subject *s, bool time)
{
        _cleanup_(message_release) struct message last = { 0 };
        int r = history_last(s->account->vault, conversation_id(s->conversation), &last);

        return r < 0 ? r : sd_bus_message_append(m, "t", time ? last.time : last.id);
}

static int append_conversation(sd_bus_message *m, const char *property, void *userdata)
{
        static const char *const kinds[] = { "person", "group", "room" };
        const struct subject *s = userdata;
        const struct conversation *c = s->conversation;

        if (strcmp(property, "Kind") == 0)
                return sd_bus_message_append(m, "s", kinds[c->kind]);
        if (strcmp(property, "Title") == 0)
                return sd_bus_message_append(m, "s", conversation_title(c));
        if (strcmp(property, "Unread") == 0) {
                int64_t unread = history_unread(s->account->vault, conversation_id(c), c->read);

                return unread < 0 ? (int) unread : sd_bus_message_append(m, "u", (uint32_t) unread);
        }
        if (strcmp(property, "MarkedUnread") == 0)
                return sd_bus_message_append(m, "b", c->settings.marked_unread);
        if (strcmp(property, "LastMessage") == 0)
                return append_last(m, s, false);
        if (strcmp(property, "LastTime") == 0)
                return append_last(m, s, true);
        if (strcmp(property, "Member") == 0)
                return sd_bus_message_append(m, "b", c->kind == CONVERSATION_PERSON || messenger_is_member(c));
        if (strcmp(property, "Standing") == 0)
                return sd_bus_message_append(m, "s", approval_name(c->standing.approval));
        if (strcmp(property, "MutedUntil") == 0)
                return sd_bus_message_append(m, "t", c->standing.muted_until);
        if (strcmp(property, "Archived") == 0)
                return sd_bus_message_append(m, "b", c->standing.archived);
        if (strcmp(property, "Receipts") == 0)
                return sd_bus_message_append(m, "b", !c->settings.silent);
        return sd_bus_message_append(m, "u", c->settings.lifetime);
}

static const struct bus_property conversation_properties[] = {
        { "Kind", "s" },        { "Title", "s" },    { "Unread", "u" },   { "MarkedUnread", "b" },
        { "LastMessage", "t" }, { "LastTime", "t" }, { "Member", "b" },   { "Standing", "s" },
        { "MutedUntil", "t" },  { "Archived", "b" }, { "Receipts", "b" }, { "Disappearing", "u" },
};
static const char *const conversation_changing[] = { "Title",    "Unread",   "MarkedUnread", "LastMessage",
                                                     "LastTime", "Member",   "Standing",     "MutedUntil",
                                                     "Archived", "Receipts", "Disappearing", NULL };

/* -- a contact ----------------------------------------------------------------------------------------------------- */

static bool contact_exists(struct account *a, const struct conversation *c)
{
        return messenger_is_contact(c);
}

static int append_contact(sd_bus_message *m, const char *property, void *userdata)
{
        const struct subject *s = userdata;
        const struct conversation *c = s->conversation;
        struct contact_view view;
        int r;

        if (strcmp(property, "Address") == 0)
                return sd_bus_message_append(m, "s", c->address);
        if (strcmp(property, "Nickname") == 0)
                return sd_bus_message_append(m, "s", c->standing.nickname);
        if (strcmp(property, "Standing") == 0)
                return sd_bus_message_append(m, "s", approval_name(c->standing.approval));
        if (strcmp(property, "Blocked") == 0)
                return sd_bus_message_append(m, "b", c->standing.blocked);
        r = messenger_contact_view(s->account->messenger, c, &view);
        return r < 0 ? r
                     : sd_bus_message_append(m, "b", strcmp(property, "Verified") == 0 ? view.verified : view.changed);
}

static const struct bus_property contact_properties[] = {
        { "Address", "s" }, { "Nickname", "s" }, { "Standing", "s" },
        { "Blocked", "b" }, { "Verified", "b" }, { "Changed", "b" },
};
static const char *const contact_changing[] = { "Nickname", "Standing", "Blocked", "Verified", "Changed", NULL };

/* -- on the bus ---------------------------------------------------------------------------------------------------- */

static const struct kind kinds_of_objects[] = {
        { CONVERSATION, "conversation", conversation_exists, conversation_properties, COUNT_OF(conversation_properties),
          append_conversation, conversation_changing },
        { CONTACT, "contact", contact_exists, contact_properties, COUNT_OF(contact_properties), append_contact,
          contact_changing },
};
static const struct kind *const conversations = &kinds_of_objects[0], *const contacts = &kinds_of_objects[1];

static int get_property(const struct kind *k, struct account *a, const char *path, const char *property,
                        sd_bus_message *reply)
{
        struct subject s = { a, find_by_path(a, path) };

        return s.conversation ? k->append(reply, property, &s) : -ENOENT;
}

static int get_of_conversation(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return get_property(conversations, userdata, path, property, reply);
}

static int get_of_contact(sd_bus *bus, const char *path, const char *interface, const char *property,
                          sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return get_property(contacts, userdata, path, property, reply);
}

static int find(const struct kind *k, const char *path, void *userdata, void **found)
{
        const struct conversation *c = find_by_path(userdata, path);

        if (!c || !k->exists(userdata, c))
                return 0;
        *found = userdata;
        return 1;
}

static int find_conversation(sd_bus *bus, const char *path, const char *interface, void *userdata, void **found,
                             sd_bus_error *error)
{
        return find(conversations, path, userdata, found);
}

static int find_contact(sd_bus *bus, const char *path, const char *interface, void *userdata, void **found,
                        sd_bus_error *error)
{
        return find(contacts, path, userdata, found);
}

/* The paths of all, as sd_bus_node_enumerator_t(3) wants them: freed by the caller, NULL at the end. */
static int enumerate(const struct kind *k, struct account *a, char ***nodes)
{
        size_t n = 0, room = 0;
        char **list = NULL;

        for (const struct conversation *c = a->messenger ? messenger_conversations(a->messenger) : NULL; c; c = c->next)
                room++;
        list = calloc(room + 1, sizeof(*list));
        if (!list)
                abort();
        for (const struct conversation *c = a->messenger ? messenger_conversations(a->messenger) : NULL; c;
             c = c->next) {
                char path[PATH_SIZE];

                if (k->exists(a, c) && object_path(a, k, c, path, sizeof(path)) > 0 && !(list[n++] = strdup(path)))
                        abort();
        }
        *nodes = list;
        return 0;
}

static int enumerate_conversations(sd_bus *bus, const char *prefix, void *userdata, char ***nodes, sd_bus_error *error)
{
        return enumerate(conversations, userdata, nodes);
}

static int enumerate_contacts(sd_bus *bus, const char *prefix, void *userdata, char ***nodes, sd_bus_error *error)
{
        return enumerate(contacts, userdata, nodes);
}

#define PROPERTY(name, type, getter, flags) SD_BUS_PROPERTY(name, type, getter, 0, flags)
#define INVALIDATES SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION

static const sd_bus_vtable conversation_vtable[] = {
        SD_BUS_VTABLE_START(0),
        PROPERTY("Kind", "s", get_of_conversation, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Title", "s", get_of_conversation, INVALIDATES),
        PROPERTY("Unread", "u", get_of_conversation, INVALIDATES),
        PROPERTY("MarkedUnread", "b", get_of_conversation, INVALIDATES),
        PROPERTY("LastMessage", "t", get_of_conversation, INVALIDATES),
        PROPERTY("LastTime", "t", get_of_conversation, INVALIDATES),
        PROPERTY("Member", "b", get_of_conversation, INVALIDATES),
        PROPERTY("Standing", "s", get_of_conversation, INVALIDATES),
        PROPERTY("MutedUntil", "t", get_of_conversation, INVALIDATES),
        PROPERTY("Archived", "b", get_of_conversation, INVALIDATES),
        PROPERTY("Receipts", "b", get_of_conversation, INVALIDATES),
        PROPERTY("Disappearing", "u", get_of_conversation, INVALIDATES),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable contact_vtable[] = {
        SD_BUS_VTABLE_START(0),
        PROPERTY("Address", "s", get_of_contact, SD_BUS_VTABLE_PROPERTY_CONST),
        PROPERTY("Nickname", "s", get_of_contact, INVALIDATES),
        PROPERTY("Standing", "s", get_of_contact, INVALIDATES),
        PROPERTY("Blocked", "b", get_of_contact, INVALIDATES),
        PROPERTY("Verified", "b", get_of_contact, INVALIDATES),
        PROPERTY("Changed", "b", get_of_contact, INVALIDATES),
        SD_BUS_VTABLE_END,
};

static int export_kind(struct account *a, const struct kind *k, const sd_bus_vtable *vtable,
                       sd_bus_object_find_t find_one, sd_bus_node_enumerator_t list, sd_bus_slot *slots[static 3])
{
        sd_bus *bus = a->cryptod->bus;
        char path[PATH_SIZE];
        int r;

        (void) base_path(a, k, path, sizeof(path));
        r = sd_bus_add_fallback(bus, &slots[0], path, account_object_gate, a);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, &slots[1], path, k->interface, vtable, find_one, a);
        return r < 0 ? r : sd_bus_add_node_enumerator(bus, &slots[2], path, list, a);
}

int people_objects_export(struct account *a)
{
        int r = export_kind(a, conversations, conversation_vtable, find_conversation, enumerate_conversations,
                            a->people_slots);

        return r < 0 ? r
                     : export_kind(a, contacts, contact_vtable, find_contact, enumerate_contacts, a->people_slots + 3);
}

void people_objects_leave(struct account *a)
{
        for (size_t i = 0; i < COUNT_OF(a->people_slots); i++)
                a->people_slots[i] = sd_bus_slot_unref(a->people_slots[i]);
}

/* -- what the holders are told ---------------------------------------------------------------------------------------
 */

/* Whether the holders know of this object; whoever unlocks asks for all there are. */
static bool *told(struct conversation *c, const struct kind *k)
{
        return k == conversations ? &c->shown : &c->shown_contact;
}

void people_objects_open(struct account *a)
{
        for (const struct conversation *i = messenger_conversations(a->messenger); i; i = i->next) {
                struct conversation *c = messenger_find(a->messenger, conversation_id(i));

                for (size_t k = 0; k < COUNT_OF(kinds_of_objects); k++)
                        *told(c, &kinds_of_objects[k]) = kinds_of_objects[k].exists(a, c);
        }
}

static void tell(struct account *a, const struct kind *k, struct conversation *c)
{
        bool exists = k->exists(a, c), known = *told(c, k);
        struct subject s = { a, c };
        char path[PATH_SIZE], manager[PATH_SIZE];
        struct bus_object o = { manager, path, k->interface, k->properties, k->property_count, k->append, &s };

        (void) account_object_path(a, manager, sizeof(manager));
        if ((!exists && !known) || object_path(a, k, c, path, sizeof(path)) < 0)
                return;
        *told(c, k) = exists;
        for (const char *name = sd_bus_track_first(a->holders); name; name = sd_bus_track_next(a->holders)) {
                if (exists && known)
                        (void) bus_emit_properties_changed_to(a->cryptod->bus, name, path, k->interface, k->changing);
                else if (exists)
                        (void) bus_emit_added_to(a->cryptod->bus, name, &o);
                else
                        (void) bus_emit_removed_to(a->cryptod->bus, name, &o);
        }
}

void people_objects_changed(struct account *a, const struct conversation *changed)
{
        struct conversation *c = messenger_find(a->messenger, conversation_id(changed));

        if (!c)
                return;
        for (size_t k = 0; k < COUNT_OF(kinds_of_objects); k++)
                tell(a, &kinds_of_objects[k], c);
}
