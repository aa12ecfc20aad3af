/* See messenger.h: what comes from the relay.
 *
 * An envelope that cannot be opened is answered like one that can, so that it does not come again, and the log says
 * why: nobody can mend it, and the next ones must not wait behind it. Only our own storage's errors are handed back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_state.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

static uint64_t now_usec(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static void refused(const struct messenger *m, const char *what, int error)
{
        const char *why = error == -EKEYREJECTED      ? "its sender has another root key than the one that is known"
                          : error == -EALREADY        ? "it came before"
                          : error == -ESTALE          ? "its epoch is over and its keys are erased"
                          : error == -EAGAIN          ? "its epoch has not come"
                          : error == -ENOENT          ? "it is for a group or a key package that is not ours"
                          : error == -EPROTONOSUPPORT ? "it is of a kind that is not known here"
                          : error == -EKEYREVOKED     ? "it removes this device from its group"
                          : error == -EMSGSIZE        ? "its group would be larger than what can be kept"
                                                      : "it is malformed or forged";

        log_fields(LOG_WARNING, (const char *[]){ "ACCOUNT", vault_account(m->vault)->id, NULL }, "%s was refused: %s.",
                   what, why);
}

static int last_sequence(struct messenger *m, uint64_t *out)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(m->vault), &s, "SELECT last FROM inbox", "");

        if (r >= 0)
                r = storage_step(s);
        if (r > 0)
                *out = (uint64_t) storage_column_integer(s, 0);
        return r < 0 ? r : r == 0 ? -EBADMSG : 0;
}

static int set_sequence(struct messenger *m, uint64_t sequence)
{
        return storage_run(vault_database(m->vault), "UPDATE inbox SET last = ?", "i", (int64_t) sequence);
}

/* An envelope about which nothing is to be stored but that it came. */
static int skip(struct messenger *m, uint64_t sequence)
{
        int r = messenger_begin(m);

        return r < 0 ? r : messenger_end(m, NULL, set_sequence(m, sequence));
}

static int refuse(struct messenger *m, uint64_t sequence, const char *what, int error)
{
        refused(m, what, error);
        return skip(m, sequence);
}

/* Errors of our own disk or memory, which pass: the envelope is to come again. */
static bool is_passing(int error)
{
        return error == -EIO || error == -EBUSY || error == -ENOMEM || error == -ENOSPC || error == -EROFS;
}

/* A group that could not be read back when a transaction had failed is tried again, so that nothing that is for it is
 * taken for somebody else's. */
static int reload_missing(struct messenger *m)
{
        for (struct conversation *c = m->conversations; c; c = c->next) {
                for (struct membership *g = c->memberships; g; g = g->next) {
                        int r = g->group ? 0 : membership_load(m->vault, g);

                        if (is_passing(r)) /* one that is damaged for good must not hold up the others */
                                return r;
                }
        }
        return 0;
}

static struct membership *find_membership(struct messenger *m, struct bytes group_id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->group && bytes_equal(membership_group_id(g), group_id))
                                return g;
                }
        }
        return NULL;
}

/* -- a Welcome ---------------------------------------------------------------------------------------------------- */

struct joining {
        const struct messenger *messenger;
        struct conversation *conversation; /* whom the group is with: found by the first leaf that is not ours */
        bool is_new;
        struct writer offered; /* a root key of theirs that is not the one that is known */
};

static int check_joined_leaf(void *userdata, const struct leaf_node *leaf)
{
        struct joining *j = userdata;
        const struct suite *s = j->messenger->device->suite;
        struct device_credential credential;
        char address[ADDRESS_TEXT_MAX];
        struct address parsed;
        int r = device_credential_read(s, leaf, &credential);

        if (r < 0)
                return r;
        if (bytes_equal(credential.address, BYTES_STRING(j->messenger->device->address)))
                return bytes_equal(credential.root_key, writer_bytes(&j->messenger->device->root_key)) ? 0
                                                                                                       : -EKEYREJECTED;
        if (credential.address.size >= sizeof(address))
                return -EBADMSG;
        memcpy(address, credential.address.data, credential.address.size);
        address[credential.address.size] = '\0';
        if (strlen(address) != credential.address.size || address_parse(address, &parsed, NULL) < 0)
                return -EBADMSG;
        for (struct conversation *c = j->messenger->conversations; c && !j->conversation; c = c->next) {
                if (strcmp(c->address, address) == 0)
                        j->conversation = c;
        }
        if (!j->conversation) {
                j->conversation = conversation_new(address);
                j->is_new = true;
        }
        r = messenger_check_leaf(j->messenger, j->conversation, s, leaf);
        if (r == -EKEYREJECTED)
                write_fixed(&j->offered, credential.root_key);
        return r;
}

static int find_key_package(struct messenger *m, const struct welcome *w, struct held_key_package *out)
{
        struct reader secrets;

        reader_init(&secrets, w->secrets);
        while (reader_more(&secrets)) {
                struct bytes ref = read_vector(&secrets);
                int r;

                (void) read_vector(&secrets); /* kem_output */
                (void) read_vector(&secrets); /* ciphertext */
                if (secrets.error < 0)
                        return -EBADMSG;
                r = key_packages_find(m->vault, ref, out);
                if (r != -ENOENT)
                        return r;
        }
        return -ENOENT;
}

/* Joins in memory. @j says whom the group is with; what it holds is the caller's. */
static int join(struct messenger *m, struct bytes envelope, const struct held_key_package *k, struct joining *j,
                struct membership *g)
{
        struct group_host host = { .credential = check_joined_leaf,
                                   .userdata = j,
                                   .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        struct joiner joiner = { k->key_package, k->init_key, k->leaf_key };
        struct conversation *c;
        int r = group_join(envelope, &joiner, BYTES(NULL, 0),
                           secret_copy(secret_bytes(m->device->signature_private_key)), &host, &g->group);

        if (r < 0)
                return r;
        if (!membership_is_pair(g) || !j->conversation)
                return -EBADMSG;
        /* An id stands for one group alone (RFC 9420 §12.4.3.1); else the messages of another were looked for in it. */
        return find_membership(m, membership_group_id(g), &c) ? -EALREADY : 0;
}

static int store_joined(struct messenger *m, uint64_t sequence, const struct held_key_package *k,
                        struct conversation *c, struct membership *g)
{
        struct device_credential credential;
        int r = 0;

        if (c->root_key.size == 0) {
                r = device_credential_read(m->device->suite, membership_other(g), &credential);
                if (r >= 0)
                        write_fixed(&c->root_key, credential.root_key);
        }
        if (r >= 0)
                r = conversation_store(m->vault, c);
        if (r >= 0)
                r = membership_add(m->vault, g, conversation_id(c));
        if (r >= 0)
                r = key_packages_used(m->vault, k);
        return r < 0 ? r : set_sequence(m, sequence);
}

/* A root key that has changed is shown, and the person may accept it: messenger_contact.h. */
static int note_offered(struct messenger *m, uint64_t sequence, const struct joining *j, struct bytes envelope)
{
        int r = messenger_begin(m);

        if (r < 0)
                return r;
        r = messenger_note_offered(m, j->conversation, writer_bytes(&j->offered), envelope, now_usec());
        if (r >= 0)
                r = set_sequence(m, sequence);
        return messenger_end(m, NULL, r);
}

static int receive_welcome(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        _cleanup_(held_key_package_release) struct held_key_package k = { 0 };
        struct membership *g = calloc(1, sizeof(*g));
        struct joining j = { .messenger = m };
        bool had_root_key = false;
        struct reader reader;
        struct welcome w;
        int r;

        if (!g)
                abort();
        reader_init(&reader, envelope);
        (void) read_u16(&reader); /* version and wire format, which message_peek() has seen */
        (void) read_u16(&reader);
        r = welcome_read(&reader, &w);
        if (r >= 0)
                r = find_key_package(m, &w, &k);
        if (r >= 0)
                r = join(m, envelope, &k, &j, g);
        if (r < 0) {
                membership_free(g);
                if (!is_passing(r))
                        refused(m, "An invitation", r);
                r = is_passing(r)        ? r
                    : j.offered.size > 0 ? note_offered(m, sequence, &j, envelope)
                                         : skip(m, sequence);
                writer_release(&j.offered);
                if (j.is_new)
                        conversation_free(j.conversation);
                return r;
        }
        had_root_key = j.conversation->root_key.size > 0;
        r = messenger_begin(m);
        if (r >= 0)
                r = messenger_end(m, NULL, store_joined(m, sequence, &k, j.conversation, g));
        if (r < 0) {
                membership_free(g);
                if (j.is_new)
                        conversation_free(j.conversation);
                else if (!had_root_key)
                        writer_release(&j.conversation->root_key);
                return r == -EMSGSIZE ? refuse(m, sequence, "An invitation", r) : r;
        }
        conversation_attach(j.conversation, g);
        if (j.is_new) {
                j.conversation->next = m->conversations;
                m->conversations = j.conversation;
        }
        return 0;
}

int messenger_follow_welcome(struct messenger *m, struct bytes envelope)
{
        uint64_t last;
        int r = last_sequence(m, &last);

        return r < 0 ? r : receive_welcome(m, last, envelope);
}

/* -- a message of a group ----------------------------------------------------------------------------------------- */

struct leaf_check {
        const struct messenger *messenger;
        const struct conversation *conversation;
};

static int check_leaf(void *userdata, const struct leaf_node *leaf)
{
        const struct leaf_check *check = userdata;

        return messenger_check_leaf(check->messenger, check->conversation, check->messenger->device->suite, leaf);
}

/* What a conversation has no use for: proposals that are not in a commit, which anybody who knows the group's id can
 * have stored in it, and a third leaf. */
static int check_received(const struct membership *g, const struct received *received)
{
        if (received->kind == RECEIVED_PROPOSAL)
                return -EPROTONOSUPPORT;
        return received->kind == RECEIVED_COMMIT && !membership_is_pair(g) ? -EBADMSG : 0;
}

/* Opens it, which changes @g in memory. A message of the epoch that our own pending commit leads into proves that the
 * hub has accepted that commit, even if its outcome has not come yet. */
static int process(struct messenger *m, struct conversation *c, struct membership *g, const struct message_peek *peek,
                   struct bytes envelope, struct received *out)
{
        struct leaf_check check = { m, c };
        struct group_host host = { .credential = check_leaf,
                                   .userdata = &check,
                                   .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        int r = group_process(g->group, envelope, &host, out);
        bool changed = r >= 0;

        if (r == -EAGAIN && group_has_pending(g->group) && g->welcome.size == 0 &&
            peek->epoch == membership_epoch(g) + 1) {
                group_merge_pending(g->group);
                changed = true;
                r = group_process(g->group, envelope, &host, out);
        }
        if (r >= 0)
                r = check_received(g, out);
        if (r < 0 && changed && membership_load(m->vault, g) < 0)
                log_error("A group of account %s cannot be read back from its vault. Log in again.",
                          vault_account(m->vault)->id);
        return r;
}

static int store_received(struct messenger *m, uint64_t sequence, struct conversation *c, struct membership *g,
                          bool lost_race, const struct received *received)
{
        struct content content;
        uint64_t id;
        int r = 0;

        if (received->kind == RECEIVED_APPLICATION) {
                r = content_read(received->data, &content);
                if (r < 0) {
                        refused(m, "The content of a message", r);
                        r = 0;
                } else {
                        r = history_add(m->vault, conversation_id(c), MESSAGE_RECEIVED, SENDER_OTHER, &content, &id);
                        if (r >= 0)
                                messenger_tell_added(m, c, id);
                }
        }
        /* A commit of our own that lost the race is made anew on top of the winner. */
        if (r >= 0 && lost_race)
                r = messenger_commit_update(m, c, g);
        if (r >= 0)
                r = membership_store(m->vault, g);
        return r < 0 ? r : set_sequence(m, sequence);
}

static int receive_message(struct messenger *m, uint64_t sequence, const struct message_peek *peek,
                           struct bytes envelope)
{
        _cleanup_(received_release) struct received received = { 0 };
        struct conversation *c;
        struct membership *g = find_membership(m, peek->group_id, &c);
        bool had_pending = g && group_has_pending(g->group);
        int r = g ? process(m, c, g, peek, envelope, &received) : -ENOENT;

        if (r < 0)
                return refuse(m, sequence, "A message", r);
        had_pending = had_pending && received.kind == RECEIVED_COMMIT && peek->epoch + 1 == membership_epoch(g);
        r = messenger_begin(m);
        if (r >= 0)
                r = store_received(m, sequence, c, g, had_pending, &received);
        r = messenger_end(m, g, r);
        return r == -EMSGSIZE ? refuse(m, sequence, "A message", r) : r;
}

int messenger_deliver(struct messenger *m, uint64_t sequence, struct bytes envelope)
{
        struct message_peek peek;
        uint64_t last;
        int r = last_sequence(m, &last);

        if (r >= 0)
                r = reload_missing(m);
        if (r < 0)
                return r;
        if (sequence <= last)
                return 0;
        r = message_peek(envelope, &peek);
        if (r >= 0 && peek.wire_format == WIRE_FORMAT_WELCOME)
                return receive_welcome(m, sequence, envelope);
        if (r >= 0 &&
            (peek.wire_format == WIRE_FORMAT_PRIVATE_MESSAGE || peek.wire_format == WIRE_FORMAT_PUBLIC_MESSAGE))
                return receive_message(m, sequence, &peek, envelope);
        return refuse(m, sequence, "An envelope", r < 0 ? r : -EPROTONOSUPPORT);
}

/* -- what became of ours ------------------------------------------------------------------------------------------ */

static struct membership *find_stored(struct messenger *m, int64_t id, struct conversation **c)
{
        for (*c = m->conversations; *c; *c = (*c)->next) {
                for (struct membership *g = (*c)->memberships; g; g = g->next) {
                        if (g->id == id && g->group)
                                return g;
                }
        }
        return NULL;
}

static int commit_accepted(struct messenger *m, struct conversation *c, struct membership *g)
{
        struct envelope e = { .recipient = BYTES_STRING(c->address), .content = writer_bytes(&g->welcome) };
        int r = 0;

        group_merge_pending(g->group);
        g->messages = 0;
        if (e.content.size > 0) {
                r = messenger_queue(m, &e);
                writer_release(&g->welcome);
        }
        if (r >= 0)
                r = membership_store(m->vault, g);
        return r < 0 ? r : messenger_encrypt_waiting(m, c);
}

int messenger_fail_waiting(struct messenger *m, struct conversation *c)
{
        int64_t id;
        int r = 0;

        while (r >= 0 && (id = history_first_unsent(m->vault, conversation_id(c))) > 0) {
                r = history_set_state(m->vault, (uint64_t) id, MESSAGE_FAILED);
                messenger_tell_changed(m, c, (uint64_t) id, MESSAGE_FAILED);
        }
        return r < 0 ? r : id < 0 ? (int) id : 0;
}

/* One that was refused. A group in which nobody but us has ever been goes with it: *@gone. */
static int commit_refused(struct messenger *m, struct conversation *c, struct membership *g, bool *gone)
{
        int r;

        group_clear_pending(g->group);
        *gone = !membership_ready(g);
        if (!*gone)
                return membership_store(m->vault, g);
        r = membership_erase(m->vault, g);
        return r < 0 || conversation_current(c) ? r : messenger_fail_waiting(m, c);
}

static int message_outcome(struct messenger *m, uint64_t message, enum message_state state)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        struct conversation *c;
        int r = storage_prepare(vault_database(m->vault), &s, "SELECT conversation FROM message WHERE id = ?", "i",
                                (int64_t) message);

        if (r >= 0)
                r = storage_step(s);
        if (r <= 0)
                return r;
        c = messenger_find(m, storage_column_bytes(s, 0));
        r = history_set_state(m->vault, message, state);
        if (r >= 0 && c)
                messenger_tell_changed(m, c, message, state);
        return r;
}

int messenger_outcome(struct messenger *m, struct bytes id, enum outcome outcome)
{
        _cleanup_(envelope_release) struct envelope e = { 0 };
        struct conversation *c = NULL;
        struct membership *g = NULL;
        bool gone = false;
        int r = outbox_find(m->vault, id, &e);

        if (r <= 0)
                return r;
        if (e.membership != 0)
                g = find_stored(m, e.membership, &c);
        if (g && !(group_has_pending(g->group) && bytes_equal(BYTES_OF(g->pending), id)))
                g = NULL; /* another commit has come between, and was followed */
        r = messenger_begin(m);
        if (r < 0)
                return r;
        if (g)
                r = outcome == OUTCOME_STORED ? commit_accepted(m, c, g) : commit_refused(m, c, g, &gone);
        if (r >= 0 && e.message != 0)
                r = message_outcome(m, e.message, outcome == OUTCOME_STORED ? MESSAGE_STORED : MESSAGE_FAILED);
        if (r >= 0)
                r = outbox_remove(m->vault, id);
        r = messenger_end(m, g, r);
        if (r >= 0 && gone)
                conversation_detach(c, g);
        return r;
}
