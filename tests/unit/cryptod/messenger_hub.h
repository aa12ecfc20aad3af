/* Groups of three to eight people over a hub that the test plays: mailboxes, the compare-and-set of epochs, and every
 * order of arrivals and outcomes that a real one can bring about. Every failure ends the test. */
#pragma once

#include "messenger_person.h"

enum { PEOPLE = 8, MAIL_MAX = 512, GROUPS_MAX = 16 };

/* What waits for somebody: an envelope, or the outcome of one of theirs. */
struct mail {
        struct writer content;
        bool is_outcome;
        uint8_t id[ENVELOPE_ID_SIZE];
        enum outcome outcome;
};

struct fixture {
        struct person people[PEOPLE];
        struct mail mail[PEOPLE][MAIL_MAX];
        unsigned first[PEOPLE], end[PEOPLE];
        uint64_t posted[PEOPLE]; /* the last envelope that the hub has had */
        struct {
                uint8_t id[16];
                uint64_t epoch;
        } groups[GROUPS_MAX];
        unsigned group_count;
        bool deleted[PEOPLE]; /* who has no account at the hub any more */
        unsigned stale;       /* commits that the hub refused */
};

/* Of the test that runs. */
extern struct fixture *fixture;

/* For cmocka. */
int hub_make(void **state);
int hub_release(void **state);

/* alice, bob, carol, dave, erin, frank, grace, heidi: 0 to 7. */
void sign_up(unsigned who);

/* Takes all that somebody's outbox has to the hub, which puts it into the mailboxes; the outcomes wait among the mail.
 */
void post(unsigned who);

/* Has somebody take in all that waits; relayd hands on envelopes and outcomes each in their order, but one kind does
 * not wait for the other: @outcomes_last. */
void fetch(unsigned who, bool outcomes_last);

/* Somebody's commit as the hub gets it, whatever it may be: @recipients is a list (list.h). */
void inject(unsigned who, struct bytes group, uint64_t epoch, struct bytes recipients, struct bytes content);

/* Until nothing is on its way any more. */
void settle(void);

/* The only group of somebody's; NULL if they have none. */
struct conversation *group_of(unsigned who);

/* People @from to @to - 1 as invitees of a new group, or with @name NULL of the one that is there. */
int change(unsigned who, const char *name, unsigned from, unsigned to);

/* The first @count people sign up, and alice makes them a group. */
void create(unsigned count);

void say(unsigned who, const char *text);
void remove_member(unsigned who, unsigned whom);

void give_role(unsigned who, unsigned whom, enum role role);

/* The history of the group as "name: text|", "me: text|" and "* notice|". */
void write_history(unsigned who, char *out, size_t size);
void assert_history(unsigned who, const char *expected);

/* The names of the members, each with a space behind it. */
void assert_members(unsigned who, const char *expected);
