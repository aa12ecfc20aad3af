/* Rooms: where each one's group stands, who is on its roster, and who has gone from it without having been removed from
 * the group. A room has a group as long as somebody is on its roster. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

struct room {
        int64_t id;
        bool is_empty; /* it has no group */
        bool is_same;  /* its group is the one that was asked for */
        int64_t epoch;
};

/* -ENOENT: nobody has ever been in it. */
static int find_room(struct store *s, struct bytes name, struct bytes group, struct room *out)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ROOM);
        struct bytes held;
        int e;

        bind_text(q, 1, name);
        e = storage_step(q);
        if (e <= 0)
                return e < 0 ? e : -ENOENT;
        held = storage_column_bytes(q, 1);
        *out = (struct room){ storage_column_integer(q, 0), held.size == 0, bytes_equal(held, group),
                              storage_column_integer(q, 2) };
        return 0;
}

static int add_room(struct store *s, struct bytes name, struct room *out)
{
        _cleanup_free_ char *text = strndup((const char *) name.data, name.size);
        int e = text ? storage_run(s->db,
                                   "insert into rooms (name, group_id, epoch, group_info) values (?, x'', 0, x'')", "s",
                                   text)
                     : -ENOMEM;

        *out = (struct room){ .id = sqlite3_last_insert_rowid(s->db), .is_empty = true };
        return e;
}

static int count_members(struct store *s, int64_t room)
{
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        int e = storage_prepare(s->db, &q, "select count(*) from room_members where room = ?", "i", room);

        if (e >= 0)
                e = storage_step(q);
        return e < 0 ? e : (int) storage_column_integer(q, 0);
}

static int is_member(struct store *s, int64_t room, int64_t mailbox)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ROOM_MEMBER);

        bind_integer(q, 1, room);
        bind_integer(q, 2, mailbox);
        return storage_step(q);
}

static int reset(struct store *s, int64_t room)
{
        int e = storage_run(s->db, "update rooms set group_id = x'', epoch = 0, group_info = x'' where id = ?", "i",
                            room);

        if (e >= 0)
                e = storage_run(s->db, "delete from room_members where room = ?", "i", room);
        return e < 0 ? e : storage_run(s->db, "delete from room_departed where room = ?", "i", room);
}

/* Whoever goes has a leaf until a member's commit says that it is gone. Nobody is left: the group is forgotten. */
static int drop_member(struct store *s, int64_t room, int64_t mailbox, const char *name)
{
        int e = storage_run(s->db, "delete from room_members where room = ? and mailbox = ?", "ii", room, mailbox);

        if (e >= 0)
                e = storage_run(s->db, "insert or ignore into room_departed values (?, ?)", "is", room, name);
        if (e >= 0)
                e = count_members(s, room);
        return e == 0 ? reset(s, room) : e;
}

int store_leave_rooms(struct store *s, int64_t mailbox, const char *name)
{
        int64_t room;
        int e;

        do {
                _cleanup_statement_ sqlite3_stmt *q = NULL;

                e = storage_prepare(s->db, &q, "select room from room_members where mailbox = ? limit 1", "i", mailbox);
                if (e >= 0)
                        e = storage_step(q);
                room = e > 0 ? storage_column_integer(q, 0) : 0;
        } while (e > 0 && (e = drop_member(s, room, mailbox, name)) >= 0);
        return e;
}

/* -- a post ------------------------------------------------------------------------------------------------------- */

/* Whether the room takes it; if not, @r says why. */
static int admit(struct store *s, struct store_request *r, const struct room *room)
{
        const struct room_post *p = &r->room;
        int count, member = is_member(s, room->id, r->mailbox);

        if (member < 0)
                return member;
        /* Who is further than the room was before it was put back from a backup: nothing that they do fits any more. */
        if (p->step != ROOM_JOIN &&
            (member == 0 || !room->is_same || (p->step == ROOM_COMMIT && p->epoch > (uint64_t) room->epoch))) {
                r->result = STORE_OUTSIDE;
        } else if (p->step >= ROOM_COMMIT && p->epoch >= INT64_MAX) {
                r->result = STORE_STALE;
        } else if (p->step >= ROOM_COMMIT && !room->is_empty &&
                   (!room->is_same || p->epoch != (uint64_t) room->epoch)) {
                r->result = STORE_STALE;
                r->value = (uint64_t) room->epoch;
        } else if (p->step == ROOM_JOIN && member == 0) {
                count = count_members(s, room->id);
                if (count >= ROOM_MEMBERS_MAX) {
                        r->result = STORE_FULL;
                        r->value = ROOM_MEMBERS_MAX;
                }
                return count;
        }
        return 0;
}

/* The others on the roster. */
static int list_receivers(struct store *s, struct store_request *r, int64_t room)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ROOM_ROSTER);
        int e;

        r->receipts = calloc(ROOM_MEMBERS_MAX, sizeof(*r->receipts));
        if (!r->receipts)
                return -ENOMEM;
        bind_integer(q, 1, room);
        while ((e = storage_step(q)) > 0 && r->receipt_count < ROOM_MEMBERS_MAX) {
                int64_t mailbox = storage_column_integer(q, 0);

                if (mailbox != r->mailbox)
                        r->receipts[r->receipt_count++].mailbox = mailbox;
        }
        return e;
}

/* One whose mailbox is full does not hold up the others: it is off the roster, and may join again. */
static int drop_full(struct store *s, struct store_request *r, int64_t room)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < r->receipt_count; i++) {
                struct mailbox *m;
                int e = store_mailbox_of_id(s, r->receipts[i].mailbox, &m);

                if (e >= 0 && store_has_room(s, m, r->send.payload.size))
                        r->receipts[kept++] = r->receipts[i];
                else if (e >= 0)
                        e = drop_member(s, room, m->id, m->name);
                if (e < 0)
                        return e;
        }
        r->receipt_count = kept;
        return 0;
}

static int come(struct store *s, struct store_request *r, int64_t room)
{
        struct mailbox *m;
        int e = store_mailbox_of_id(s, r->mailbox, &m);

        if (e >= 0)
                e = storage_run(s->db, "insert or ignore into room_members values (?, ?)", "ii", room, r->mailbox);
        return e < 0 ? e
                     : storage_run(s->db, "delete from room_departed where room = ? and name = ?", "is", room, m->name);
}

static int go(struct store *s, const struct store_request *r, int64_t room)
{
        struct mailbox *m;
        int e = store_mailbox_of_id(s, r->mailbox, &m);

        return e < 0 ? e : drop_member(s, room, r->mailbox, m->name);
}

/* The commit was the last that those whom it removes have got. */
static int remove_all(struct store *s, struct store_request *r, int64_t room)
{
        struct bytes name;
        struct reader reader;
        int e = 0;

        reader_init(&reader, r->room.removed);
        while (e >= 0 && recipient_next(&reader, &name)) {
                _cleanup_free_ char *text = strndup((const char *) name.data, name.size);

                e = text ? storage_run(s->db,
                                       "delete from room_members where room = ? and mailbox <> ? and mailbox ="
                                       " (select id from accounts where name = ?)",
                                       "iis", room, r->mailbox, text)
                         : -ENOMEM;
                if (e >= 0)
                        e = storage_run(s->db, "delete from room_departed where room = ? and name = ?", "is", room,
                                        text);
        }
        return e;
}

static int move(struct store *s, struct store_request *r, int64_t room)
{
        int e = storage_run(s->db, "update rooms set group_id = ?, epoch = ?, group_info = ? where id = ?", "bibi",
                            r->room.group, (int64_t) r->room.epoch + 1, r->room.group_info, room);

        return e < 0 ? e : remove_all(s, r, room);
}

static int keep_answer(struct store_request *r, struct writer *answer)
{
        int e = writer_finish(answer);

        if (e >= 0)
                r->package = writer_steal(answer, &r->package_size);
        return e;
}

static int answer_departed(struct store *s, struct store_request *r, int64_t room)
{
        _cleanup_query_ sqlite3_stmt *q = store_query(s, Q_ROOM_DEPARTED);
        _cleanup_writer_ struct writer names = WRITER_INIT, answer = WRITER_INIT;
        unsigned count = 0;
        int e = 0;

        bind_integer(q, 1, room);
        while (r->room.step != ROOM_LEAVE && count++ < ROOM_MEMBERS_MAX && (e = storage_step(q)) > 0)
                write_recipient(&names, storage_column_bytes(q, 0));
        write_room_departed(&answer, writer_bytes(&names));
        return e < 0 ? e : keep_answer(r, &answer);
}

static int answer_nothing(struct store_request *r)
{
        _cleanup_writer_ struct writer answer = WRITER_INIT;

        write_room_departed(&answer, BYTES(NULL, 0));
        return keep_answer(r, &answer);
}

static int post(struct store *s, struct store_request *r, int64_t room, int64_t now)
{
        int e = r->room.step == ROOM_JOIN ? come(s, r, room) : 0;

        if (e >= 0)
                e = list_receivers(s, r, room);
        if (e >= 0)
                e = drop_full(s, r, room);
        if (e >= 0 && r->receipt_count > 0)
                e = store_fan_out(s, r, now);
        if (e >= 0 && r->room.step >= ROOM_COMMIT)
                e = move(s, r, room);
        else if (e >= 0 && r->room.step == ROOM_LEAVE)
                e = go(s, r, room);
        return e < 0 ? e : answer_departed(s, r, room);
}

/* Who it is, for the access log. Whose account was deleted while this waited is told so; the rest of the batch is not
 * held up by it. */
static int find_sender(struct store *s, struct store_request *r)
{
        struct mailbox *m;
        int e = store_mailbox_of_id(s, r->mailbox, &m);

        if (e >= 0)
                store_set_subject(r, BYTES_STRING(m->name));
        if (e == -ENOENT)
                r->result = STORE_UNKNOWN;
        return e == -ENOENT ? 0 : e;
}

int store_run_send_to_room(struct store *s, struct store_request *r)
{
        int64_t now = now_usec(), row;
        struct room room;
        int e = store_remember_sent(s, r, now, &row);

        if (e <= 0)
                return e < 0 ? e : answer_nothing(r);
        e = find_sender(s, r);
        if (e < 0 || r->result != STORE_DONE)
                return e < 0 ? e : store_forget_sent(s, row);
        e = find_room(s, r->room.room, r->room.group, &room);
        if (e == -ENOENT)
                e = add_room(s, r->room.room, &room);
        if (e >= 0)
                e = admit(s, r, &room);
        if (e >= 0 && r->result == STORE_DONE)
                return post(s, r, room.id, now);
        return e < 0 ? e : store_forget_sent(s, row);
}

/* -- what is asked ------------------------------------------------------------------------------------------------ */

int store_run_fetch_room(struct store *s, struct store_request *r)
{
        _cleanup_free_ char *name = strndup((const char *) r->name.data, r->name.size);
        _cleanup_statement_ sqlite3_stmt *q = NULL;
        _cleanup_writer_ struct writer answer = WRITER_INIT;
        struct room_state state = { 0 };
        int e = name ? storage_prepare(s->db, &q, "select group_id, epoch, group_info from rooms where name = ?", "s",
                                       name)
                     : -ENOMEM;

        if (e >= 0)
                e = storage_step(q);
        if (e > 0)
                state = (struct room_state){ storage_column_bytes(q, 0), (uint64_t) storage_column_integer(q, 1),
                                             storage_column_bytes(q, 2) };
        write_room_state(&answer, &state);
        return e < 0 ? e : keep_answer(r, &answer);
}

int store_run_list_rooms(struct store *s, struct store_request *r)
{
        _cleanup_writer_ struct writer rooms = WRITER_INIT, answer = WRITER_INIT;
        struct bytes rest = r->name;

        while (rest.size > 0) {
                const uint8_t *space = memchr(rest.data, ' ', rest.size);
                size_t n = space ? (size_t) (space - rest.data) : rest.size;
                struct room room = { 0 };
                int e = find_room(s, BYTES(rest.data, n), BYTES(NULL, 0), &room), count = 0;

                if (e >= 0)
                        count = count_members(s, room.id);
                if ((e < 0 && e != -ENOENT) || count < 0)
                        return e < 0 ? e : count;
                write_room(&rooms, BYTES(rest.data, n), (uint32_t) count);
                rest = BYTES(rest.data + n + (space != NULL), rest.size - n - (space != NULL));
        }
        write_rooms(&answer, writer_bytes(&rooms));
        return keep_answer(r, &answer);
}

int store_run_reset_room(struct store *s, struct store_request *r)
{
        struct room room;
        int e = find_room(s, r->name, BYTES(NULL, 0), &room);

        if (e == -ENOENT) {
                r->result = STORE_UNKNOWN;
                store_set_subject(r, r->name);
                return 0;
        }
        return e < 0 ? e : reset(s, room.id);
}
