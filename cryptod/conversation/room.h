/* Rooms as the wire has them (docs/wire-protocol.md, Rooms): what is sent to one, what the hub makes of that for the
 * others, and where it says that a room stands. */
#pragma once

#include "services/bytes.h"

enum { ROOM_NAME_MAX = 64, ROOM_CONTENT_MAX = 1024 * 1024 - 72 /* payload and GroupInfo */ };

enum room_step { ROOM_SAY = 0, ROOM_LEAVE = 1, ROOM_COMMIT = 2, ROOM_JOIN = 3 };

/* True for 1 to ROOM_NAME_MAX of a-z 0-9 . _ -, the first a letter or digit. */
bool room_name_valid(struct bytes name);

struct room_post {
        struct bytes room, group;
        enum room_step step;
        uint64_t epoch;          /* COMMIT, JOIN: before it */
        struct bytes removed;    /* COMMIT: a list (list.h) of accounts' names */
        struct bytes group_info; /* COMMIT, JOIN: after it */
        struct bytes payload;
};

/* Appends a body of SEND_TO_ROOM, all but the id, with which it begins. -EMSGSIZE */
int room_post_write(const struct room_post *p, struct writer *w);

struct room_entry {
        enum room_step step;
        struct bytes sender; /* JOIN: the name of the account that has joined; else empty */
        struct bytes payload;
};

/* Whether an envelope is a room's entry, which nobody but the hub can make; and reads it. -EBADMSG */
bool room_entry_is(struct bytes envelope);
int room_entry_read(struct bytes envelope, struct room_entry *out);

struct room_state {
        struct bytes group; /* empty: nobody is in it */
        uint64_t epoch;
        struct bytes group_info;
};

/* The body of the answer to FETCH_ROOM. -EBADMSG */
int room_state_read(struct bytes body, struct room_state *out);
