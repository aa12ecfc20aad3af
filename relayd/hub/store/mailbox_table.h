/* The mailboxes that were used of late, in memory: who has which mailbox, and its counts, so that a batch asks the disk
 * for a mailbox once and writes it once, however many messages go through it. Only the engine's own thread uses it, and
 * only the engine writes to its database, so it is never behind; after a batch that failed it is emptied. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "relayd/link/message.h"

struct mailbox {
        int64_t id;
        char name[WIRE_NAME_MAX + 1];
        uint64_t sequence; /* the last number given out */
        int64_t entries, bytes;
        uint64_t send; /* the last one in which it was a recipient, so that none counts twice */
        bool dirty;    /* its row is to be written: it is empty, and no entry tells of the last number any more */
        struct mailbox *same_name, *same_id, *next_dirty;
};

struct mailbox_table;

enum { MAILBOX_TABLE_MAX = 262144 }; /* 48 MiB */

int mailbox_table_new(struct mailbox_table **out);
struct mailbox_table *mailbox_table_free(struct mailbox_table *t);

/* What is known, or NULL. */
struct mailbox *mailbox_by_name(struct mailbox_table *t, struct bytes name);
struct mailbox *mailbox_by_id(struct mailbox_table *t, int64_t id);

/* Adds a copy of @m, which is not there yet; NULL when memory is exhausted. The table's pointers stay good until it is
 * emptied. */
struct mailbox *mailbox_add(struct mailbox_table *t, const struct mailbox *m);

/* @m's row is to be written at the batch's end. */
void mailbox_touch(struct mailbox_table *t, struct mailbox *m);

/* Takes those out, one at a time; NULL after the last. */
struct mailbox *mailbox_take_dirty(struct mailbox_table *t);

/* Forgets one, or all of them. */
void mailbox_forget(struct mailbox_table *t, struct mailbox *m);
void mailbox_table_clear(struct mailbox_table *t);

bool mailbox_table_is_full(const struct mailbox_table *t);
