/* See account_parts.h: what the hub has for the account. */
#include "account_parts.h"

#include "services/cleanup.h"

static void on_acknowledged(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct account *a = userdata;

        a->acknowledging = false;
        if (error && error->failure == LINK_REFUSED)
                account_break_link(a, error->sentence);
        account_wake(a);
}

static bool is_full(const struct account *a)
{
        const struct node_settings *s = &a->node->settings;

        return a->inbox >= s->inbox_max || a->held >= s->inbox_bytes;
}

/* There is more in it than a hub pushes that keeps to the window; of bytes, none are for the window. */
static bool is_overfull(const struct account *a)
{
        const struct node_settings *s = &a->node->settings;

        return a->inbox + a->uncounted >= s->inbox_max + s->window || a->held + a->uncounted_bytes >= s->inbox_bytes;
}

static void on_fetched(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct account *a = userdata;

        a->deaf = a->deaf && error;
        on_acknowledged(a, error, answer);
}

/* What comes is taken from the hub's answer on, unless the inbox is full: a hub that pushes more than it may, or a link
 * that comes again and again, does not fill the disk. */
void account_fetch(struct account *a)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (!a->deaf || a->acknowledging || is_full(a))
                return;
        write_fetch(&body, &(struct fetch){ a->row.received, a->node->settings.window });
        a->acknowledging = link_request(a->link, FRAME_FETCH, writer_bytes(&body), on_fetched, a) >= 0;
}

/* A full inbox is not acknowledged, so that the hub keeps what comes next. */
void account_acknowledge(struct account *a)
{
        _cleanup_writer_ struct writer body = WRITER_INIT;

        if (a->acknowledging || a->row.received <= a->acknowledged || is_full(a))
                return;
        write_ack(&body, a->row.received);
        if (link_request(a->link, FRAME_ACK, writer_bytes(&body), on_acknowledged, a) < 0)
                return;
        a->acknowledging = true;
        a->acknowledged = a->row.received;
}

/* The number that cryptod knows an envelope by. It grows with the clock, so that a disk that was restored from a copy
 * does not give out a number for the second time. */
static uint64_t next_sequence(struct account *a)
{
        uint64_t now = account_clock(CLOCK_REALTIME);

        return now > a->row.sequence ? now : a->row.sequence + 1;
}

static void on_received_settled(void *userdata, int error)
{
        struct account *a = userdata;

        if (error >= 0)
                return;
        account_queues(a)->row.sequence = account_queues(a)->durable.sequence;
        a->row = a->durable;
        account_break_link(a, ledger_describe(a->node->ledger));
}

void account_on_entry(struct link *l, void *userdata, const struct entry *e)
{
        struct account *a = userdata, *queues = account_queues(a);
        uint64_t received = a->row.received, sequence = queues->row.sequence;

        a->deaf = a->deaf || is_overfull(a);
        if (a->removed || a->deaf || e->sequence <= received)
                return; /* it concerns nobody, comes again, or is here already */
        a->uncounted++;
        a->uncounted_bytes += e->payload.size;
        a->row.received = e->sequence;
        queues->row.sequence = next_sequence(queues);
        if (ledger_receive(a->node->ledger, queues->row.id, queues->row.sequence, e->payload) < 0 ||
            ledger_update_account(a->node->ledger, &a->row) < 0 ||
            (queues != a && ledger_update_account(a->node->ledger, &queues->row) < 0) ||
            ledger_then(a->node->ledger, on_received_settled, a) < 0) {
                a->row.received = received;
                queues->row.sequence = sequence;
                account_break_link(a, ledger_describe(a->node->ledger));
        }
}
