/* An account: its vault, who holds it open, and its messenger while it is.
 *
 *     locked ── opening.c (face, factor) ──▶ unlocked: held by bus names ──┬─ Lock, sleep, stop ─────────▶ locked
 *                                                                         └─ the last holder has left ──▶ locked */
#pragma once

#include "cryptod/conversation/messenger.h"
#include "cryptod/cryptod.h"
#include "services/caller.h"

struct opening;
struct file_task;
struct destruction;
struct transfer;
struct text_index;
struct exporting;

struct account {
        struct account *next;
        struct cryptod *cryptod;
        char id[ACCOUNT_ID_SIZE + 1];
        struct vault *vault;         /* NULL once it is destroyed */
        struct messenger *messenger; /* NULL while locked */
        struct messenger_events events;
        struct opening *opening;         /* an Unlock that is under way */
        struct destruction *destruction; /* its end, which is under way */
        sd_bus_track *holders;           /* who has unlocked it, or was granted it */
        sd_bus_track *watchers;          /* who has read a property, and is told of changes */
        sd_bus_slot *object, *slots_object, *contacts_object, *settings_object, *groups_object, *hubs_object,
                *invitations_object, *rooms_object, *files_object, *conversations_object, *messages_object,
                *notifications_object;
        sd_bus_slot *people_slots[6]; /* people_objects.c */
        sd_bus_slot *transfers_object, *transfers_gate, *transfers_manager, *nodes, *history_object;
        struct transfer *transfers;            /* a list: transfer.h */
        struct text_index *index;              /* history_object.c */
        sd_event_source *indexing;             /* until it has all */
        struct exporting *exportings;          /* a list: exporting.h */
        sd_event_source *receipts, *deadlines; /* upkeep.h */
        struct file_task *files;               /* that are being sealed or opened, a list */
        uint32_t file_count;                   /* how many there were */
        struct writer offered;                 /* the slot of a recovery code that has not been typed back */
        uint64_t unlocked_since;               /* microseconds since 1970 */
        uint64_t given;                        /* the last envelope that was handed to relayd */
        unsigned sends, claims;                /* calls to relayd under way; claims.h */
        unsigned locks;                        /* how often it was locked: an answer of before is not for now */
        sd_event_source *flush;                /* the outbox is looked at soon, or again */
        bool attached; /* relayd was asked whether the vault is as new as it should be, and has answered or is not there
                        */
        sd_event_source *attach; /* relayd is asked again to deliver */
        uint64_t last_call;      /* of a holder, microseconds of the boot clock */
        sd_event_source *idle;   /* looks whether that is too long ago */
        bool entering;           /* a room is being joined again; entering.h */
        sd_event_source *enter_again;
        bool rejoining; /* a conversation is being started by itself; rejoining.h */
        sd_event_source *rejoin_again;
};

/* Makes one over a vault (which passes over, also on error), locked or unlocked, and exports it. */
int account_new(struct cryptod *c, struct vault *vault, struct account **out);
struct account *account_free(struct account *a);

/* Takes a locked one off the bus and closes its vault. What relayd has not answered yet may still come, so it is freed
 * with the daemon. */
void account_end(struct account *a);

const char *account_id(const struct account *a);

/* Opens the messenger over the vault, which has just been unlocked, and asks relayd to deliver. After an error it is
 * locked. */
int account_open(struct account *a);

/* Adds a holder by its unique name. An errno if it has left the bus; then the caller locks if nobody is left. */
int account_hold(struct account *a, const char *name);

/* Zeroes every key. Nothing if it is locked. */
void account_lock(struct account *a);

/* Locks unless somebody holds it. */
void account_lock_unless_held(struct account *a);

/* relayd has seen so much of the account's vault (messenger_witness()): 1 if it is an older copy, and its conversations
 * start anew; 0; an error, after which it is locked. */
int account_witness(struct account *a, const struct witness *w);

/* A holder has called: the idle time begins anew. Also when the setting has changed. */
void account_touch(struct account *a);

/* relay.c: what an account asks of relayd, and answers in words. Attach: now and whenever relayd comes back. Flush:
 * hands the outbox over. Publish: makes key packages and has them published at the hub of that number; @done is called
 * in any case. */
void relay_attach(struct account *a);
void relay_detach(struct account *a);
void relay_flush(struct account *a);
typedef void (*relay_done)(void *userdata);
void relay_publish(struct account *a, unsigned hub, unsigned count, relay_done done, void *userdata);

/* A call of im.visavis.Relay1.Delivery whose first argument is the account's id; the caller appends the rest. */
int relay_call(struct cryptod *c, const char *member, const char *account, sd_bus_message **out);

/* The same for its hub of that number, which relayd knows as an account beside its own (docs/dbus/relay1.md); by
 * what relayd calls it. @hub: 0 for the account itself. NULL if there is none here. */
int relay_call_hub(struct account *a, const char *member, unsigned hub, sd_bus_message **out);
struct account *relay_account(struct cryptod *c, const char *id, unsigned *hub);

/* What relayd has answered, for the person: its own words, or that it cannot be reached. Returns sd_bus_error_set(3).
 */
int relay_refused(const sd_bus_error *answer, sd_bus_error *error);

/* Watches relayd come and go. */
int relay_watch(struct cryptod *c);

/* account_object.c */
int account_object_export(struct account *a);
int account_object_check_owner(struct account *a, sd_bus_message *m, struct caller *caller, sd_bus_error *error);
int account_object_check_holder(struct account *a, sd_bus_message *m, sd_bus_error *error);
int account_object_watch(struct account *a, sd_bus_message *m,
                         sd_bus_error *error); /* owner or root, told of changes */
void account_object_tell(struct account *a, const char *const *properties);
/* The conversation whose id is the next argument of a call by a holder. */
int account_object_read_conversation(struct account *a, sd_bus_message *m, sd_bus_error *error,
                                     struct conversation **out);

/* The next argument of a call: somebody's address, as it is compared. */
int account_object_read_address(sd_bus_message *m, char canonical[static ADDRESS_TEXT_MAX], sd_bus_error *error);

/* Appends a list of addresses (list.h) as an array of strings. */
int account_object_append_list(sd_bus_message *m, struct bytes addresses);

/* The account's address as others write it. */
void account_own_address(const struct account *a, char out[static ADDRESS_TEXT_MAX]);

/* An errno of the vault's, in words. */
int account_object_storage_error(int r, sd_bus_error *error);
int account_object_path(const struct account *a, char *out, size_t size);
void account_object_changed(struct account *a);
const char *account_state(const struct account *a); /* as the bus says it */

/* conversations_object.c. The rest: signals to the programs that hold the unlock. */
int conversations_object_export(struct account *a);
void conversations_object_message_added(struct account *a, const struct conversation *c, uint64_t message);
void conversations_object_message_changed(struct account *a, const struct conversation *c, uint64_t message,
                                          enum message_state state);

/* slots_object.c */
int slots_object_export(struct account *a);

/* settings_object.c: what an owner sets, and the account's end */
int settings_object_export(struct account *a);

/* contacts_object.c, groups_object.c, hubs_object.c, invitations_object.c, rooms_object.c */
int contacts_object_export(struct account *a);
int groups_object_export(struct account *a);
int hubs_object_export(struct account *a);
int invitations_object_export(struct account *a);
int rooms_object_export(struct account *a);

/* notifications_object.c */
int notifications_object_export(struct account *a);
void notifications_object_message_added(struct account *a, const struct conversation *c, uint64_t message);

/* files_object.c. End: of all its jobs, whose callers are told that it was locked. Describe: a job's result, in words.
 */
int files_object_export(struct account *a);
int files_object_describe(int result, sd_bus_error *error);
void files_object_end(struct account *a);

/* messages_object.c. The rest: signals to the programs that hold the unlock. */
int messages_object_export(struct account *a);
void messages_object_edited(struct account *a, const struct conversation *c, uint64_t message);
void messages_object_erased(struct account *a, const struct conversation *c, uint64_t message);
void messages_object_conversation_changed(struct account *a, const struct conversation *c);
void messages_object_typing(struct account *a, const struct conversation *c, const char *who, bool typing);
/* history_object.c. Open, close: with the messenger. Changed: what a message says is another, or it is gone. */
int history_object_export(struct account *a);
void history_object_open(struct account *a);
void history_object_close(struct account *a);
void history_object_changed(struct account *a, const struct conversation *c, uint64_t message);

/* people_objects.c. Open: the messenger is open. Changed: something of a conversation, or of its person, is another. */
int people_objects_export(struct account *a);
void people_objects_leave(struct account *a);
void people_objects_open(struct account *a);
void people_objects_changed(struct account *a, const struct conversation *c);

/* transfers_object.c. The gate is to be added to each object below an account's (sd_bus_add_object(3)), with the
 * account: only holders of the unlock get past it. */
int account_object_gate(sd_bus_message *m, void *userdata, sd_bus_error *error);
int transfers_object_export(struct account *a);
