/* What a messenger is made of; for the files of messenger.h alone. */
#pragma once

#include "cryptod/conversation/entrance.h"
#include "cryptod/conversation/messenger_content.h"
#include "cryptod/conversation/room.h"
#include "cryptod/mls/group.h"

/* Something to tell when the transaction has committed. */
enum event_kind {
        EVENT_ADDED,
        EVENT_STATE,
        EVENT_EDITED,
        EVENT_ERASED,
        EVENT_RECEIPTS_OWED,
        EVENT_DEADLINE_SET,
        EVENT_CONVERSATION,
        EVENT_TYPING,
};

struct pending_event {
        enum event_kind kind;
        const struct conversation *conversation;
        uint64_t message;
        enum message_state state;
        bool typing;
        char who[ADDRESS_TEXT_MAX + 1];
};

/* Who says something in a conversation. */
struct origin {
        enum message_sender sender;
        struct bytes from; /* SENDER_NAMED: as messenger_spell() writes it */
        uint8_t author[AUTHOR_SIZE];
};

/* Whose question was answered when: messenger_healing.c. */
struct answered {
        const struct conversation *conversation;
        uint8_t author[AUTHOR_SIZE];
        uint64_t time; /* seconds since 1970 */
};

struct messenger {
        struct vault *vault;
        const struct messenger_events *told;
        struct device *device;
        struct conversation *conversations;
        struct conversation *met; /* people whom this transaction has made known */
        struct answered answered[32];
        struct entrance *entrances; /* ways into groups that are looked for */
        struct pending_event *events;
        size_t event_count;
        bool queued; /* an envelope, in this transaction */
        bool mended; /* messenger_was_mended() */
};

/* Erases groups that could not be read; conversations that had one have none then. */
int messenger_mend(struct messenger *m);

/* A transaction has made @c known, or given it a group: puts a new one into the list, and tells. */
void messenger_appeared(struct messenger *m, struct conversation *c, bool is_new);

/* A transaction: what is told goes out when it has committed, or is forgotten. @changed (may be NULL): the membership
 * whose group it changes, which is read back from disk if it fails, and freed if it is gone. @result: of the work so
 * far. */
int messenger_begin(struct messenger *m);
int messenger_end(struct messenger *m, struct membership *changed, int result);

void messenger_tell(struct messenger *m, const struct pending_event *e);
void messenger_tell_added(struct messenger *m, const struct conversation *c, uint64_t message);
void messenger_tell_changed(struct messenger *m, const struct conversation *c, uint64_t message,
                            enum message_state state);

/* Within a transaction: erases a message, also one that waits to be sent, and tells of it. */
int messenger_erase(struct messenger *m, struct conversation *c, uint64_t id);

/* Within a transaction. Queues an envelope; its id is made. */
int messenger_queue(struct messenger *m, struct envelope *e);

/* Within a transaction: encrypts a content in @g's group, queues it and stores the group. @message: of the history,
 * which it is; or 0. @recipient: who alone gets it; NULL: all others. */
int messenger_encrypt(struct messenger *m, const struct conversation *c, struct membership *g, uint64_t message,
                      struct bytes content, const struct bytes *recipient);

/* Within a transaction: keeps @content until there is a group, or encrypts it now; and makes a commit if one is due. */
int messenger_send_content(struct messenger *m, struct conversation *c, uint64_t message, struct bytes content);

/* Within a transaction: the same for one of a kind that stands in no history, with this body. */
int messenger_send_silent(struct messenger *m, struct conversation *c, uint8_t kind, struct bytes body);

/* What state something that is said in @g is in (which may be NULL): where nobody else is, it has arrived. */
enum message_state messenger_state_in(const struct membership *g);

/* Within a transaction, messenger_content.c: takes in what @o says: @content, which was sent as @encoded. @state: of a
 * message that it adds, whose id is in @message, else 0. The errors of messenger_say() for what is to be refused, and
 * the storage's. */
int messenger_take(struct messenger *m, struct conversation *c, const struct origin *o, const struct content *content,
                   struct bytes encoded, enum message_state state, uint64_t *message);

/* Our address in a conversation, a view: the one on its hub. */
struct bytes messenger_own_address(const struct messenger *m, const struct conversation *c);

/* Ourselves in a conversation, and whose credential it is. */
void messenger_self(const struct messenger *m, const struct conversation *c, struct origin *out);

/* Within a transaction, messenger_receipt.c: takes in a receipt of @o's for messages of ours. */
int messenger_take_receipt(struct messenger *m, struct conversation *c, const struct origin *o,
                           const struct content *content);

/* Within a transaction, messenger_receipt.c: encrypts a content that concerns one member alone; every so often it goes
 * to all, so that nobody's ratchet falls behind. */
int messenger_encrypt_to_one(struct messenger *m, const struct conversation *c, struct membership *g,
                             struct bytes content, const struct bytes *recipient);

/* The same for @content, of a kind that stands in no history; its salt and time are made here. */
int messenger_encrypt_silent(struct messenger *m, const struct conversation *c, struct membership *g,
                             struct content *content, const struct bytes *recipient);

/* Whether receipts are sent and asked for in a conversation. */
bool messenger_gives_receipts(const struct conversation *c);

/* Within a transaction: what came while the conversation was a request is told to have been delivered. */
int messenger_owe_receipts(struct messenger *m, struct conversation *c);

/* Within a transaction: encrypts what waits in the history for a group that is ready. */
int messenger_encrypt_waiting(struct messenger *m, struct conversation *c);

/* A group of one on the hub of @neighbour's address (empty: on that of our own), whose leaf comes from a key package
 * that nobody else sees. @extensions: of the group context. */
int messenger_new_group(struct messenger *m, struct bytes neighbour, struct bytes extensions, uint64_t now,
                        struct group **out);

/* Checks a key package that is said to be that of @address; @root_key (may be NULL) is a view. The errors of
 * messenger_start(); another root key than the one that is known is remembered as offered, in a transaction of its own.
 */
int messenger_check_package(struct messenger *m, const char *address, struct bytes encoded, uint64_t now,
                            struct bytes *root_key);

/* Checks a leaf that is new in a conversation of two: its credential holds, and it is ours or @c's person with the root
 * key that is known. -EKEYREJECTED for another one. */
int messenger_check_leaf(const struct messenger *m, const struct conversation *c, const struct suite *s,
                         const struct leaf_node *leaf);

/* Within a transaction: remembers a root key of @c's person that was refused, with the invitation that it came with
 * (may be empty), and shows it in the history. */
int messenger_note_offered(struct messenger *m, const struct conversation *c, struct bytes root_key,
                           struct bytes welcome, uint64_t time);

/* Follows an invitation that was refused when it came. */
int messenger_follow_welcome(struct messenger *m, struct bytes welcome);

/* The membership of a group id, or of a row; NULL: there is none. */
struct membership *messenger_group(struct messenger *m, struct bytes group_id, struct conversation **c);
struct membership *messenger_stored_group(struct messenger *m, int64_t id, struct conversation **c);

/* Within a transaction: what waited for a group that will not be has failed. */
int messenger_fail_waiting(struct messenger *m, struct conversation *c);

/* -- messenger_people.c ------------------------------------------------------------------------------------------- */

/* The conversation that remembers somebody's root key; NULL: they are not known. */
struct conversation *messenger_person(struct messenger *m, struct bytes address);

/* Within a transaction: remembers the root keys of members who are not known yet. */
int messenger_meet(struct messenger *m, const struct membership *g);
int messenger_meet_one(struct messenger *m, const struct device_credential *who);

/* Within a transaction: a request is accepted, and its members are met. */
int messenger_approve(struct messenger *m, struct conversation *c);

/* Ends messenger_meet()'s work, when the transaction has committed (@keep) or failed. */
void messenger_met(struct messenger *m, bool keep);

/* How somebody in a group is written: the address; a ? before it if the root key is another than the one that is known.
 * Such a member is not refused, since whoever does not follow the others' commits is alone. */
void messenger_spell(struct messenger *m, const struct device_credential *who, struct writer *out);

/* Appends a list (list.h) of the members, so spelt. */
void messenger_members(struct messenger *m, const struct membership *g, struct writer *out);

/* Appends a list of the addresses of the other members, each once. */
void messenger_recipients(const struct messenger *m, const struct membership *g, struct writer *out);

/* -- messenger_unreachable.c, all within a transaction ------------------------------------------------------------ */

/* The hub has refused @e, which is no commit: 1 if its message can still reach somebody, 0 if it was the last. */
int messenger_undelivered(struct messenger *m, const struct envelope *e);

/* The hub has taken it. */
void messenger_delivered(struct messenger *m, const struct envelope *e);

/* Makes a commit of ours that was refused again, without recipients; messenger_tell_others() brings it to them. */
int messenger_commit_alone(struct messenger *m, struct membership *g, const struct envelope *refused);

/* Queues @e, without its recipients: one envelope to those of @recipients who can be reached, and one to each of the
 * others. */
int messenger_queue_to_members(struct messenger *m, const struct membership *g, struct envelope *e,
                               struct bytes recipients);

/* -- messenger_standing.c ----------------------------------------------------------------------------------------- */

/* Whether a root key is the one that is known of @c's person; or, as long as none is, the one that a link has pinned.
 */
bool messenger_key_fits(const struct conversation *c, struct bytes root_key);

/* Within a transaction: the first key of @c's person, which fits. If the link was read in person, it is verified. The
 * row of @c is still to be stored; after a failure its root_key is to be released. */
int messenger_learn_key(struct messenger *m, struct conversation *c, struct bytes root_key);

/* False for somebody who is blocked. */
bool messenger_hears(struct messenger *m, struct bytes address);

/* Within a transaction: something has come in @c. It leaves the archive, unless it is muted, and somebody who is no
 * contact (any more) asks for a conversation. @c's standing has to be put back if that fails. */
int messenger_note_incoming(struct messenger *m, struct conversation *c);

/* -- messenger_commit.c, all within a transaction ----------------------------------------------------------------- */

/* Makes a commit of what is wanted of @g and of what others have proposed, with new keys for us, and queues it. If
 * nothing is wanted it only replaces our keys. */
int messenger_commit(struct messenger *m, struct conversation *c, struct membership *g);

/* Our pending commit has been taken over: sends it to those members, and those whom it has taken out, to whom it was
 * not addressed. @before, @after: the members (messenger_members()). */
int messenger_tell_others(struct messenger *m, const struct membership *g, struct bytes before, struct bytes after);

/* Proposes that somebody else take us out, which nobody can do for themselves (RFC 9420 §12.2). */
int messenger_propose_to_leave(struct messenger *m, struct conversation *c, struct membership *g);

/* The hub has our pending commit; or has refused it, if @stale because of another one: one that @winner_comes, or one
 * that has come already and broke the rules. */
int messenger_accepted(struct messenger *m, struct conversation *c, struct membership *g);
int messenger_refused(struct messenger *m, struct conversation *c, struct membership *g, bool stale, bool winner_comes);

/* A commit of @actor's (in messenger_spell()'s spelling) that breaks the rules of the group has come, and changes
 * nothing but the name under which the hub orders the next one. */
int messenger_outlaw(struct messenger *m, struct conversation *c, struct membership *g, struct bytes actor);

/* The group is in another epoch: says who has come and gone since @before (messenger_members()) by the commit of @actor
 * (empty: us), remembers new people, and goes on with what is still wanted. @again: a commit of ours lost its race. */
int messenger_followed(struct messenger *m, struct conversation *c, struct membership *g, struct bytes before,
                       struct bytes actor, bool again);

/* We are no member any more: its keys are erased. */
int messenger_gone(struct messenger *m, struct conversation *c, struct membership *g);

/* Nobody is to be added or removed any more, and the name stays. */
void messenger_give_up(struct membership *g);

/* Commits what is wanted, unless a commit waits; then that is next. */
int messenger_commit_unless_pending(struct messenger *m, struct conversation *c, struct membership *g);

/* -- messenger_external.c ----------------------------------------------------------------------------------------- */

/* Joins by an external commit, in memory: @g gets the group as it is when @commit has been accepted; our own former
 * leaf, if there is one, goes. Of @join, the GroupInfo and the authenticated data count. All leaves' credentials hold,
 * and the tree is none that is too large. Whether the group is the one that was meant is the caller's to look at.
 * group_join_external()'s errors; -EMSGSIZE: it is too large. */
int messenger_join_external(struct messenger *m, const struct external_join *join, const struct device_place *place,
                            struct membership *g, struct writer *commit);

/* group_host's same_client(): the same account. */
bool messenger_same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after);

/* -- messenger_invitation.c and messenger_entrance.c, all within a transaction ------------------------------------ */

/* What has come in the conversation with somebody: they ask to be let into a group; they answer such a question. */
int messenger_take_knock(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body);
int messenger_take_opening(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body);

/* Somebody has come into @g with that proof (invitation.h): if it was by an invitation of ours, one use less is left,
 * which the next commit brings about. */
void messenger_note_use(struct messenger *m, struct membership *g, struct bytes proof);

/* A way back into @c is looked for, at the members of @g, which may be erased then. -ENOENT: there are no others;
 * -E2BIG. */
int messenger_return(struct messenger *m, struct conversation *c, const struct membership *g);

/* The group may have gone on without us: a member is asked, not too often. It has not: we have followed. */
int messenger_note_behind(struct messenger *m, struct conversation *c, const struct membership *g);
int messenger_caught_up(struct messenger *m, struct conversation *c);

/* Our external commit was accepted, or was not: then @g is gone, and it is tried again, @at_once if another one was
 * faster. */
int messenger_entered(struct messenger *m, struct conversation *c, struct membership *g);
int messenger_not_entered(struct messenger *m, struct conversation *c, struct membership *g, bool at_once);

/* The commits by which we come in are not waited for any more, since they are erased. */
int messenger_entrances_anew(struct messenger *m);

/* In transactions of its own: follows the answers that have come. */
int messenger_follow_openings(struct messenger *m);

/* Reads them back from the vault, after a transaction that failed. */
void messenger_entrances_reload(struct messenger *m);

/* -- messenger_healing.c, within a transaction but for the last ---------------------------------------------------- */

/* Something in @c was lost: it is asked for. The history says so, unless it has @told already. */
int messenger_note_lost(struct messenger *m, struct conversation *c, bool told);

/* Members of @g who are not in @before (messenger_members()) have come now; a person has another root key now. What was
 * said before is not sent to them again. */
int messenger_note_arrivals(struct messenger *m, struct conversation *c, const struct membership *g,
                            struct bytes before);
int messenger_note_newcomer(struct messenger *m, const struct conversation *c, struct bytes root_key);

/* The person has erased a message, or all: it is not asked for. */
int messenger_note_erased(struct messenger *m, const struct conversation *c, uint64_t id);
int messenger_note_cleared(struct messenger *m, const struct conversation *c);

/* A question has come; or how much a member has sent again. */
int messenger_take_question(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body);
int messenger_take_count(struct messenger *m, struct conversation *c, const struct origin *o, struct bytes body);

/* When the vault is opened: where something is to be asked. */
int messenger_load_healing(struct messenger *m);

/* -- messenger_group.c -------------------------------------------------------------------------------------------- */

/* The membership of a group that can be changed: the errors of messenger_add_members(). */
int messenger_changeable(struct conversation *c, struct membership **out);

/* -- messenger_room.c, all within a transaction ------------------------------------------------------------------- */

/* Queues what is sent to the room @c, of whose group @g it is; the id is in @e. Its room and group are filled in. */
int messenger_post(struct messenger *m, const struct conversation *c, struct membership *g, struct room_post *p,
                   struct envelope *e);

/* The pending commit, which takes out those of @removed (a list of addresses), and our wish to be out: what becomes of
 * them is waited for. They store @g. */
int messenger_post_commit(struct messenger *m, const struct conversation *c, struct membership *g, struct bytes removed,
                          struct bytes commit);
int messenger_leave_room(struct messenger *m, const struct conversation *c, struct membership *g,
                         struct bytes proposal);

/* The hub has us in the room. */
int messenger_joined(struct messenger *m, struct conversation *c, struct membership *g);

/* Somebody has joined whom the hub calls @name: their root key is trusted on first use, as one in a key package that
 * the hub hands out. 1 if their credential says somebody else: nobody's is trusted, and the history tells. */
int messenger_vouch(struct messenger *m, const struct conversation *c, const struct device_credential *who,
                    struct bytes name);

/* Such a one is taken out again, by the first of the others. */
int messenger_turn_out(struct messenger *m, struct conversation *c, struct membership *g, uint32_t leaf,
                       struct bytes name);

/* The hub refuses that we join: the room's conversation says so. */
int messenger_shut_out(struct messenger *m, struct conversation *c, struct membership *g);

/* The hub or the others have gone on without us: the keys are erased, and the room is to be joined again. */
int messenger_fallen_out(struct messenger *m, struct conversation *c, struct membership *g);
