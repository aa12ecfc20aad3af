/* A room: an open group that the hub keeps. Anybody with an account there joins it by an MLS external commit, for which
 * the hub holds the group's newest GroupInfo; what is said in it goes to all who are on the hub's roster of the room.
 * These are the bodies of the frames about rooms; message.h has the others and says what readers and writers return. */
#pragma once

#include "message.h"

enum {
        ROOMS_MAX = 64,                                    /* of a hub */
        ROOM_MEMBERS_MAX = 1000,                           /* on a roster */
        ROOM_ENTRY_MARK = 0xfff1,                          /* what a room's entry begins with, and nothing else */
        ROOM_ENTRY_HEAD_MAX = 8 + WIRE_NAME_MAX,           /* before an entry's payload */
        ROOM_BODY_MAX = WIRE_PAYLOAD_MAX + 64 * 1024 + 512 /* of SEND_TO_ROOM; 64 KiB are the names */
};

/* What is done to the room with what is sent. */
enum room_step {
        ROOM_SAY = 0,    /* nothing */
        ROOM_LEAVE = 1,  /* the sender leaves the roster */
        ROOM_COMMIT = 2, /* the group moves on */
        ROOM_JOIN = 3,   /* the same, by somebody who comes onto the roster */
};

/* SEND_TO_ROOM. */
struct room_post {
        uint8_t id[WIRE_MESSAGE_ID_SIZE];
        struct bytes room, group;
        enum room_step step;
        uint64_t epoch;       /* COMMIT, JOIN: the group's epoch, which becomes @epoch + 1; else 0 */
        struct bytes removed; /* COMMIT: names that leave the roster; walk it with recipient_next() */
        unsigned removed_count;
        struct bytes group_info; /* COMMIT, JOIN: of the new epoch, with the ratchet tree; else empty */
        struct bytes payload;
};

void write_room_post(struct writer *w, const struct room_post *m);
int read_room_post(struct bytes body, struct room_post *out);

/* Its answer: who has left the roster, or lost the account, and has a leaf in the group still. Walk it with
 * recipient_next(). */
void write_room_departed(struct writer *w, struct bytes names);
int read_room_departed(struct bytes body, struct bytes *names);

/* The entry that the hub makes of a SEND_TO_ROOM for each of the others. */
struct room_entry {
        enum room_step step;
        struct bytes sender; /* JOIN: who has joined, as the hub knows them; else empty */
        struct bytes payload;
};

void write_room_entry(struct writer *w, const struct room_entry *m);
int read_room_entry(struct bytes payload, struct room_entry *out);

/* True if a payload begins as a room's entry does. */
bool room_entry_is(struct bytes payload);

/* FETCH_ROOM has a name for a body, as CLAIM_KEY_PACKAGE. Its answer: */
struct room_state {
        struct bytes group; /* empty: nobody is in the room, and whoever joins begins its group */
        uint64_t epoch;
        struct bytes group_info;
};

void write_room_state(struct writer *w, const struct room_state *m);
int read_room_state(struct bytes body, struct room_state *out);

/* LIST_ROOMS is empty. Its answer: @rooms, already checked; walk it with room_next(). */
void write_rooms(struct writer *w, struct bytes rooms);
int read_rooms(struct bytes body, struct bytes *rooms);
void write_room(struct writer *w, struct bytes name, uint32_t members);
bool room_next(struct reader *r, struct bytes *name, uint32_t *members);
