/* See account_parts.h: from the outbox to the hub, and what became of it. */
#include "account_parts.h"

#include <string.h>

#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"

bool account_go_another_way(struct account *a, int64_t row, bool keep)
{
        int moved = 0;

        for (struct account *b = a->node->accounts; b; b = b->next) {
                if (b == a || b->removed || b->state != ACCOUNT_ONLINE || account_queues(b) != account_queues(a))
                        continue;
                int r = ledger_move(a->node->ledger, a->row.id, b->row.id, row, keep);

                if (r > 0)
                        b->sending = 0; /* they may be older than what it has sent */
                moved += r > 0 ? r : 0;
        }
        return moved > 0;
}

static void on_concluded(void *userdata, int error)
{
        struct account *a = userdata;

        if (error < 0)
                account_break_link(a, ledger_describe(a->node->ledger));
}

/* If it cannot be written, it is sent again on the next link, and the hub says the same again. */
static void conclude(struct account *a, int64_t row, const char *result, uint64_t winner, const char *reason)
{
        if (ledger_conclude(a->node->ledger, account_queues(a)->row.id, row, result, winner, reason) < 0 ||
            ledger_then(a->node->ledger, on_concluded, a) < 0)
                account_break_link(a, ledger_describe(a->node->ledger));
}

/* A room's answer names those who have gone; the others are empty. As many as an outcome holds are handed on. */
static void conclude_stored(struct account *a, int64_t row, struct bytes answer)
{
        char departed[WIRE_SENTENCE_MAX + 1] = "";
        struct bytes names = BYTES(NULL, 0), name;
        struct reader r;
        size_t used = 0;

        (void) read_room_departed(answer, &names);
        reader_init(&r, names);
        while (recipient_next(&r, &name) && used + name.size + 1 < sizeof(departed)) {
                if (used > 0)
                        departed[used++] = ' ';
                memcpy(departed + used, name.data, name.size);
                used += name.size;
        }
        conclude(a, row, "stored", 0, departed);
}

void account_lose_patience(struct account *a)
{
        uint64_t now = account_clock(CLOCK_BOOTTIME), patience = a->node->settings.patience_usec;

        if (a->state != ACCOUNT_ONLINE && a->outbox > 0 && now - a->down_since >= patience &&
            account_go_another_way(a, 0, true))
                log_notice("The hub %s has not been reached for a while; what waits for it goes by another one where "
                           "that is possible.",
                           a->row.address.host);
}

static void on_sent(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct under_way *u = userdata;
        struct account *a = u->account;
        int64_t row = u->row;

        u->row = 0;
        if (!error)
                conclude_stored(a, row, answer);
        else if (error->failure != LINK_REFUSED)
                return; /* the link goes down: it is sent again on the next one */
        else if (error->code == WIRE_ERROR_STALE)
                conclude(a, row, "stale", error->value, error->sentence);
        else if (error->code == WIRE_ERROR_OUTSIDE)
                conclude(a, row, "outside", 0, error->sentence);
        else if (error->code == WIRE_ERROR_STORAGE || error->code == WIRE_ERROR_TOO_FAST ||
                 error->code == WIRE_ERROR_BUSY)
                account_break_link(a, error->sentence); /* all of it again later, so that the order stays */
        else if (!account_go_another_way(a, row, false))
                conclude(a, row, "refused", 0, error->sentence);
        account_wake(a);
        account_wake(account_queues(a));
}

static bool is_under_way(const struct account *a, int64_t row)
{
        for (unsigned i = 0; i < ACCOUNT_UNDER_WAY; i++) {
                if (a->under_way[i].row == row)
                        return true;
        }
        return false;
}

static struct under_way *free_place(struct account *a)
{
        for (unsigned i = 0; i < ACCOUNT_UNDER_WAY; i++) {
                if (a->under_way[i].row == 0)
                        return &a->under_way[i];
        }
        return NULL;
}

static void send_envelope(void *userdata, const struct ledger_envelope *e)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;
        struct under_way *u = userdata;
        struct account *a = u->account;

        if (is_under_way(a, e->row)) {
                a->sending = e->row;
                return;
        }
        if (e->is_for_room)
                write_fixed(&body, e->send.payload);
        else
                write_send(&body, &e->send);
        if (writer_finish(&body) < 0 || link_request(a->link, e->is_for_room ? FRAME_SEND_TO_ROOM : FRAME_SEND,
                                                     writer_bytes(&body), on_sent, u) < 0)
                return;
        u->row = e->row;
        a->sending = e->row;
}

void account_send_outbox(struct account *a)
{
        struct under_way *u;

        while (link_room(a->link) > 0 && (u = free_place(a))) {
                int64_t before = a->sending;

                u->account = a;
                if (ledger_next_envelope(a->node->ledger, a->row.id, before, send_envelope, u) <= 0 ||
                    a->sending == before)
                        return;
        }
}
