/* See messenger.h: what the person asks for. What comes from the relay is in messenger_inbox.c, what becomes of
 * ours in messenger_outcome.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/further_addresses.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/notice.h"
#include "cryptod/conversation/unsent.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/text.h"

int messenger_open(struct vault *v, const struct messenger_events *events, struct messenger **out)
{
        struct messenger *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                abort();
        m->vault = v;
        m->told = events;
        r = device_load(v, &m->device);
        if (r == -ENOENT) { /* the account is new */
                r = device_create(v);
                if (r >= 0)
                        r = device_load(v, &m->device);
        }
        if (r >= 0)
                r = conversation_load_all(v, &m->conversations);
        if (r >= 0)
                r = entrances_load(v, &m->entrances);
        if (r >= 0)
                r = messenger_load_healing(m);
        if (r >= 0)
                r = messenger_mend(m);
        if (r < 0) {
                messenger_free(m);
                return r;
        }
        *out = m;
        return 0;
}

struct messenger *messenger_free(struct messenger *m)
{
        if (!m)
                return NULL;
        while (m->conversations) {
                struct conversation *next = m->conversations->next;

                conversation_free(m->conversations);
                m->conversations = next;
        }
        while (m->entrances) {
                struct entrance *next = m->entrances->next;

                entrance_free(m->entrances);
                m->entrances = next;
        }
        device_free(m->device);
        free(m->events);
        free(m);
        return NULL;
}

/* -- transactions ------------------------------------------------------------------------------------------------- */

void messenger_appeared(struct messenger *m, struct conversation *c, bool is_new)
{
        if (is_new) {
                c->next = m->conversations;
                m->conversations = c;
        }
        if (m->told->conversation_changed)
                m->told->conversation_changed(m->told->userdata, c);
}

int messenger_begin(struct messenger *m)
{
        m->event_count = 0;
        m->queued = false;
        return vault_begin(m->vault);
}

static void tell_content(const struct messenger_events *t, const struct pending_event *e)
{
        if (e->kind == EVENT_EDITED && t->message_edited)
                t->message_edited(t->userdata, e->conversation, e->message);
        else if (e->kind == EVENT_ERASED && t->message_erased)
                t->message_erased(t->userdata, e->conversation, e->message);
        else if (e->kind == EVENT_RECEIPTS_OWED && t->receipts_owed)
                t->receipts_owed(t->userdata);
        else if (e->kind == EVENT_DEADLINE_SET && t->deadline_set)
                t->deadline_set(t->userdata);
        else if (e->kind == EVENT_CONVERSATION && t->conversation_changed)
                t->conversation_changed(t->userdata, e->conversation);
        else if (e->kind == EVENT_TYPING && t->typing)
                t->typing(t->userdata, e->conversation, e->who, e->typing);
}

static void tell(struct messenger *m, const struct pending_event *e)
{
        if (e->kind == EVENT_ADDED)
                m->told->message_added(m->told->userdata, e->conversation, e->message);
        else if (e->kind == EVENT_STATE)
                m->told->message_changed(m->told->userdata, e->conversation, e->message, e->state);
        else
                tell_content(m->told, e);
}

static void free_gone(struct messenger *m, struct membership *gone)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                for (struct membership *g = c->memberships; g; g = g->next) {
                        if (g == gone) {
                                conversation_detach(c, gone);
                                return;
                        }
                }
        }
}

/* What a transaction that failed has set in memory is as it is on disk again. */
static void reload_settings(struct messenger *m)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                int r = settings_load(m->vault, conversation_id(c), &c->settings);

                if (r < 0)
                        log_error("The settings of a conversation of account %s cannot be read back: %s. Log in again.",
                                  vault_account(m->vault)->id, strerror(-r));
        }
}

int messenger_end(struct messenger *m, struct membership *changed, int result)
{
        int r;

        if (result >= 0) {
                result = vault_commit(m->vault);
        } else {
                vault_rollback(m->vault);
        }
        messenger_met(m, result >= 0);
        if (result < 0) {
                reload_settings(m);
                messenger_entrances_reload(m);
                if (changed && changed->id != 0 && (r = membership_load(m->vault, changed)) < 0)
                        log_error("A group of account %s cannot be read back from its vault: %s. Log in again.",
                                  vault_account(m->vault)->id, strerror(-r));
                return result;
        }
        if (changed && changed->gone)
                free_gone(m, changed);
        for (size_t i = 0; i < m->event_count; i++)
                tell(m, &m->events[i]);
        if (m->queued)
                m->told->envelopes_queued(m->told->userdata);
        return 0;
}

void messenger_tell(struct messenger *m, const struct pending_event *e)
{
        struct pending_event *grown = reallocarray(m->events, m->event_count + 1, sizeof(*grown));

        if (!grown)
                abort();
        m->events = grown;
        m->events[m->event_count++] = *e;
}

void messenger_tell_added(struct messenger *m, const struct conversation *c, uint64_t message)
{
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_ADDED, .conversation = c, .message = message });
}

void messenger_tell_changed(struct messenger *m, const struct conversation *c, uint64_t message,
                            enum message_state state)
{
        messenger_tell(m, &(struct pending_event){
                                  .kind = EVENT_STATE, .conversation = c, .message = message, .state = state });
}

int messenger_queue(struct messenger *m, struct envelope *e)
{
        m->queued = true;
        return outbox_add(m->vault, e);
}

/* -- conversations ------------------------------------------------------------------------------------------------ */

const struct conversation *messenger_conversations(const struct messenger *m)
{
        return m->conversations;
}

struct conversation *messenger_find(struct messenger *m, struct bytes id)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                if (bytes_equal(conversation_id(c), id))
                        return c;
        }
        return NULL;
}

struct conversation *messenger_find_address(struct messenger *m, const char *address)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                if (c->kind == CONVERSATION_PERSON && c->memberships && strcmp(c->address, address) == 0)
                        return c;
        }
        return NULL;
}

int messenger_check_leaf(const struct messenger *m, const struct conversation *c, const struct suite *s,
                         const struct leaf_node *leaf)
{
        struct bytes own = writer_bytes(&m->device->root_key);
        struct device_credential credential;
        int r = device_credential_read(s, leaf, &credential);

        if (r < 0)
                return r;
        if (device_is_at(m->device, credential.address))
                return bytes_equal(credential.root_key, own) ? 0 : -EKEYREJECTED;
        if (!bytes_equal(credential.address, BYTES_STRING(c->address)))
                return -EBADMSG;
        return messenger_key_fits(c, credential.root_key) ? 0 : -EKEYREJECTED;
}

int messenger_hubs_changed(struct messenger *m)
{
        return device_load_places(m->device, m->vault);
}

int messenger_key_packages(struct messenger *m, unsigned hub, unsigned count, uint64_t now, struct writer *out)
{
        const struct device_place *place = device_place(m->device, hub);
        int r = place ? messenger_begin(m) : -ENOENT;

        if (r < 0)
                return r;
        r = key_packages_make(m->vault, m->device, place, count, now, out);
        return messenger_end(m, NULL, r);
}

int messenger_new_group(struct messenger *m, struct bytes neighbour, struct bytes extensions, uint64_t now,
                        struct group **out)
{
        _cleanup_(key_package_keys_release) struct key_package_keys keys = { 0 };
        _cleanup_writer_ struct writer encoded = WRITER_INIT, start = WRITER_INIT, further = WRITER_INIT;
        const struct device_place *place = device_place_beside(m->device, neighbour);
        struct identity identity = device_identity(m->device, place);
        struct key_package k;
        struct reader reader;
        uint8_t id[CONVERSATION_ID_SIZE];
        int r;

        if (neighbour.size > 0) /* strangers in a room are not told */
                further_addresses_write(m->device, BYTES_STRING(place->address), &further);
        r = writer_finish(&further);
        identity.leaf_extensions = writer_bytes(&further);
        if (r >= 0)
                r = identity_key_package(&identity, now - 3600, now + (uint64_t) KEY_PACKAGE_DAYS * 24 * 3600, false,
                                         &encoded, &keys);
        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(&encoded));
        key_package_read(&reader, &k);
        /* Of two groups with one person both go on with that of the smaller id (conversation_current()): the newer one,
         * so that who has lost a group can start anew. */
        write_u64(&start, INT64_MAX - now);
        memcpy(id, start.data, sizeof(uint64_t));
        random_fill(id + sizeof(uint64_t), sizeof(id) - sizeof(uint64_t));
        return group_create(m->device->suite, BYTES_OF(id), k.leaf.encoded, TAKE(keys.leaf_key),
                            secret_copy(secret_bytes(m->device->signature_private_key)), extensions, out);
}

/* Adds the person to a new group of ours. */
static int invite(struct messenger *m, struct conversation *c, struct membership *g, struct bytes key_package)
{
        int r = conversation_store(m->vault, c);

        write_vector(&g->wanted.added, key_package);
        g->wanted.changed = true;
        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        return r < 0 ? r : messenger_commit(m, c, g);
}

/* It is shown, and the person may accept it: messenger_contact.h. */
static int note_offered(struct messenger *m, const struct conversation *c, struct bytes root_key, uint64_t now)
{
        int r = messenger_begin(m);

        return r < 0 ? r
                     : messenger_end(m, NULL, messenger_note_offered(m, c, root_key, BYTES(NULL, 0), now * 1000000));
}

int messenger_check_package(struct messenger *m, const char *address, struct bytes encoded, uint64_t now,
                            struct bytes *root_key)
{
        const struct conversation *known = messenger_person(m, BYTES_STRING(address));
        struct device_credential credential;
        struct key_package k;
        struct reader reader;
        int r;

        reader_init(&reader, encoded);
        key_package_read(&reader, &k);
        r = reader_finish(&reader);
        if (r >= 0)
                r = key_package_check(&k, now);
        if (r < 0)
                return r;
        if (k.cipher_suite != m->device->suite->id)
                return -EPROTONOSUPPORT;
        r = device_credential_read(m->device->suite, &k.leaf, &credential);
        if (r >= 0 && !bytes_equal(credential.address, BYTES_STRING(address)))
                r = -EBADMSG;
        if (r < 0)
                return r;
        if (root_key)
                *root_key = credential.root_key;
        if (!known || messenger_key_fits(known, credential.root_key))
                return 0;
        r = note_offered(m, known, credential.root_key, now);
        return r < 0 ? r : -EKEYREJECTED;
}

int messenger_start(struct messenger *m, const char *address, struct bytes key_package, uint64_t now,
                    struct conversation **out)
{
        struct conversation *c = messenger_find_address(m, address);
        struct membership *g;
        struct bytes root_key;
        struct standing before;
        bool is_new, first_root;
        int r;

        if (c) {
                *out = c;
                return 0;
        }
        c = messenger_person(m, BYTES_STRING(address)); /* one whose group is gone keeps its history */
        is_new = !c;
        if (is_new)
                c = conversation_new(address);
        before = c->standing;
        g = calloc(1, sizeof(*g));
        if (!g)
                abort();
        r = messenger_check_package(m, address, key_package, now, &root_key);
        if (r >= 0)
                r = messenger_new_group(m, BYTES_STRING(address), BYTES(NULL, 0), now, &g->group);
        if (r >= 0)
                r = messenger_begin(m);
        if (r >= 0) {
                first_root = c->root_key.size == 0;
                if (first_root)
                        r = messenger_learn_key(m, c, root_key);
                c->standing.approval = APPROVAL_GIVEN;
                r = messenger_end(m, NULL, r < 0 ? r : invite(m, c, g, key_package));
                if (r < 0 && first_root)
                        writer_release(&c->root_key);
                if (r < 0)
                        c->standing = before;
        }
        if (r < 0) {
                membership_free(g);
                if (is_new)
                        conversation_free(c);
                return r;
        }
        conversation_attach(c, g);
        messenger_appeared(m, c, is_new);
        *out = c;
        return 0;
}

/* -- sending ------------------------------------------------------------------------------------------------------ */

/* Few sizes tell little: 256 bytes, 1 KiB, 4 KiB and so on. What MLS adds to the content before it is padded (lengths,
 * the signature) is less than PAD_ROOM. */
static size_t padded_size(size_t content)
{
        enum { PAD_ROOM = 160, PAD_STEP = 128 * 1024 };
        size_t size = MESSENGER_PAD;

        while (size < content + PAD_ROOM && size < 2 * PAD_STEP)
                size *= 4;
        while (size < content + PAD_ROOM)
                size += PAD_STEP;
        return size;
}

int messenger_encrypt(struct messenger *m, const struct conversation *c, struct membership *g, uint64_t message,
                      struct bytes content, const struct bytes *recipient)
{
        _cleanup_writer_ struct writer sealed = WRITER_INIT, recipients = WRITER_INIT;
        struct envelope e = { .message = message };
        int r;

        if (recipient && c->kind != CONVERSATION_ROOM)
                write_vector(&recipients, *recipient);
        else if (c->kind != CONVERSATION_ROOM) {
                messenger_recipients(m, g, &recipients);
                further_addresses_ways(m->device, g, &recipients);
        }
        r = writer_finish(&recipients);
        if (r >= 0)
                r = group_protect(g->group, content, BYTES(NULL, 0), padded_size(content.size), &sealed);
        if (r < 0)
                return r;
        e.content = writer_bytes(&sealed);
        g->messages++;
        if (c->kind == CONVERSATION_ROOM)
                r = messenger_post(m, c, g, &(struct room_post){ .step = ROOM_SAY, .payload = writer_bytes(&sealed) },
                                   &e);
        else
                r = messenger_queue_to_members(m, g, &e, writer_bytes(&recipients));
        return r < 0 ? r : membership_store(m->vault, g);
}

enum message_state messenger_state_in(const struct membership *g)
{
        return !g ? MESSAGE_UNSENT : membership_other(g) ? MESSAGE_QUEUED : MESSAGE_STORED;
}

/* One that waits since before there was anything but texts is as it stands in the history. */
static int encrypt_unsent(struct messenger *m, struct conversation *c, struct membership *g, const struct unsent *u)
{
        _cleanup_(message_release) struct message message = { 0 };
        struct bytes content = u->content;
        bool lost;
        int r = 0;

        if (content.size == 0 && !u->damaged) {
                r = history_get(m->vault, conversation_id(c), u->message, &message);
                content = message.encoded;
        }
        lost = content.size == 0;
        if (r >= 0 && !lost && membership_other(g))
                r = messenger_encrypt(m, c, g, u->message, content, NULL);
        if (r >= 0 && u->message > 0)
                r = history_set_state(m->vault, u->message, lost ? MESSAGE_FAILED : messenger_state_in(g));
        return r < 0 ? r : unsent_remove(m->vault, u->number);
}

int messenger_encrypt_waiting(struct messenger *m, struct conversation *c)
{
        struct membership *g = conversation_current(c);
        int r = g ? 1 : 0;

        while (r > 0) {
                _cleanup_(unsent_release) struct unsent u = { 0 };

                r = unsent_next(m->vault, conversation_id(c), &u);
                if (r <= 0)
                        break;
                r = encrypt_unsent(m, c, g, &u);
                r = r < 0 ? r : 1;
        }
        return r;
}

/* Somebody who wants to go is to read nothing more (RFC 9420 §12.4), and old keys are replaced. */
static bool is_commit_due(const struct messenger *m, const struct conversation *c, const struct membership *g)
{
        return !group_has_pending(g->group) &&
               (group_proposals(g->group) > 0 || g->messages >= MESSENGER_UPDATE_AFTER ||
                (c->kind != CONVERSATION_ROOM && further_addresses_due(m->device, g)));
}

int messenger_send_content(struct messenger *m, struct conversation *c, uint64_t message, struct bytes content)
{
        struct membership *g = conversation_current(c);
        int r;

        if (!g)
                return unsent_add(m->vault, conversation_id(c), message, content);
        if (!membership_other(g))
                return 0;
        r = messenger_encrypt(m, c, g, message, content, NULL);
        return r >= 0 && is_commit_due(m, c, g) ? messenger_commit(m, c, g) : r;
}

int messenger_send_silent(struct messenger *m, struct conversation *c, uint8_t kind, struct bytes body)
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;
        uint8_t salt[CONTENT_SALT_SIZE];
        int r;

        random_fill(salt, sizeof(salt));
        content_write(&encoded,
                      &(struct content){ .salt = BYTES_OF(salt), .time = notice_time(), .kind = kind, .body = body });
        r = writer_finish(&encoded);
        return r < 0 ? r : messenger_send_content(m, c, 0, writer_bytes(&encoded));
}

int messenger_send(struct messenger *m, struct conversation *c, struct bytes text, uint64_t time, uint64_t *message)
{
        return messenger_say(m, c, &(struct content){ .kind = CONTENT_TEXT, .text = text, .time = time }, message);
}

int messenger_update(struct messenger *m, struct conversation *c)
{
        struct membership *g = conversation_current(c);
        int r;

        if (!g) /* a commit that removes somebody replaces our keys, too */
                return c->memberships && c->memberships->wanted.removed.size > 0 ? 0 : -ENOTCONN;
        if (group_has_pending(g->group) || !membership_other(g))
                return 0;
        r = messenger_begin(m);
        return r < 0 ? r : messenger_end(m, g, messenger_commit(m, c, g));
}

static int mark_read(struct messenger *m, struct conversation *c, uint64_t message)
{
        int r = 0;

        if (message > c->read && messenger_gives_receipts(c)) {
                r = history_owe_read(m->vault, conversation_id(c), c->read, message);
                messenger_tell(m, &(struct pending_event){ .kind = EVENT_RECEIPTS_OWED });
        }
        if (message > c->read)
                c->read = message;
        if (r >= 0)
                r = conversation_store(m->vault, c);
        if (r >= 0 && c->settings.marked_unread) {
                c->settings.marked_unread = false;
                r = settings_store(m->vault, conversation_id(c), &c->settings);
        }
        messenger_tell(m, &(struct pending_event){ .kind = EVENT_CONVERSATION, .conversation = c });
        return r;
}

int messenger_mark_read(struct messenger *m, struct conversation *c, uint64_t message)
{
        _cleanup_(message_release) struct message last = { 0 };
        uint64_t before = c->read;
        int r = history_last(m->vault, conversation_id(c), &last);

        if (r < 0)
                return r;
        if (r == 0 || message > last.id)
                return -ENOENT;
        if (message <= c->read && !c->settings.marked_unread)
                return 0;
        r = messenger_begin(m);
        if (r < 0)
                return r;
        r = messenger_end(m, NULL, mark_read(m, c, message));
        if (r < 0)
                c->read = before;
        return r;
}

int messenger_next_envelope(struct messenger *m, uint64_t number, struct envelope *out)
{
        return outbox_next(m->vault, number, out);
}
