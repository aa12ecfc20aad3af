/* See account_parts.h: whether the ledger is as new as the hub has seen it. */
#include "account_parts.h"

#include "services/log.h"

/* Ids begin with how many envelopes there were. What a hub says of more than anybody makes is no id of ours, or a lie,
 * which would use our numbers up. */
static bool is_number(const uint8_t id[static WIRE_MESSAGE_ID_SIZE])
{
        return id[0] == 0 && id[1] == 0 && id[2] == 0 && id[3] == 0 && id[4] < 0x80;
}

/* The hub has seen more of this account than the ledger knows of: then the ledger was put back from an older copy, and
 * perhaps the vault with it; or the account was away for so long that the hub has dropped what came. 0, or an error. */
int account_look_back(struct account *a, const struct authentication_answer *mailbox, bool same)
{
        struct account *q = account_queues(a);
        bool missed = same && mailbox->gone > a->row.received;
        int more = is_number(mailbox->sent) ? ledger_note_sent(a->node->ledger, q->row.id, mailbox->sent) : 0;

        if (missed && more >= 0) {
                int r = ledger_note_missed(a->node->ledger, q->row.id, mailbox->gone - a->row.received);

                more = r < 0 ? r : more;
                a->row.received = mailbox->gone;
        }
        if (more < 0 || (more == 0 && !missed))
                return more;
        q->row.doubt = true;
        log_warning(
                "The hub %s has %s account %s than relayd knows of: relayd's state was put back from an older copy, "
                "or the account was offline for too long.",
                a->row.address.host, more ? "had more of" : "given more to", q->row.account);
        cryptod_detach(q);
        return ledger_update_account(a->node->ledger, &q->row);
}

bool account_is_certain(struct account *a)
{
        const struct account *q = account_queues(a);

        return !q->row.doubt && !q->durable.doubt;
}

int account_reckon(struct account *a, bool old)
{
        struct ledger_account before = a->row;
        int r = 0;

        if (!a->row.doubt)
                return 0;
        for (struct account *b = a->node->accounts; old && r >= 0 && b; b = b->next) {
                if (account_queues(b) == a)
                        r = ledger_refuse_all(a->node->ledger, b->row.id, "It was made by an older copy of the vault.");
        }
        if (old && r >= 0)
                r = ledger_count_anew(a->node->ledger, a->row.id);
        a->row.doubt = false;
        if (r >= 0)
                r = account_write_row(a, &before);
        for (struct account *b = a->node->accounts; r >= 0 && b; b = b->next) {
                if (account_queues(b) == a)
                        account_wake(b);
        }
        return r;
}
