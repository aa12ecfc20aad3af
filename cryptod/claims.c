/* See claims.h. */
#include "cryptod/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/list.h"
#include "cryptod/rejoining.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/memfd.h"

enum { CLAIM_USEC = 30 * 1000 * 1000, KEY_PACKAGE_MAX = 16 * 1024 };

struct claims {
        unsigned references; /* the call to relayd that is under way, and whoever starts or ends one */
        struct account *account;
        sd_bus_message *call;
        unsigned locks; /* the account's, when they were asked for */
        claims_done done;
        struct person {
                char address[ADDRESS_TEXT_MAX];
                struct writer package;
        } * people;
        size_t count, next; /* that have come */
};

/* Also when the bus is closed, after the account. */
static void claims_unref(void *userdata)
{
        struct claims *c = userdata;

        if (--c->references > 0)
                return;
        for (size_t i = 0; i < c->count; i++)
                writer_release(&c->people[i].package);
        free(c->people);
        sd_bus_message_unref(c->call);
        free(c);
}

int claims_read_address(struct account *a, const char *text, struct writer *addresses, sd_bus_error *error)
{
        char canonical[ADDRESS_TEXT_MAX];
        struct vault_hub hubs[HUBS_MAX];
        struct address address, own;
        const char *reason = "";
        int n = vault_hubs(a->vault, hubs);

        if (address_parse(text, &address, &reason) < 0)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "\"%s\" is not an address: %s Write name@host:port#key.", text, reason);
        for (int i = -1; i < n; i++) {
                if (address_parse(i < 0 ? vault_account(a->vault)->address : hubs[i].address, &own, NULL) >= 0 &&
                    address_equal(&address, &own))
                        return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                                "This is the account's own address; give somebody else's.");
        }
        address_format(&address, false, canonical);
        list_add(addresses, BYTES_STRING(canonical));
        return writer_finish(addresses);
}

int claims_error(int r, const struct invitee *invitees, size_t count, sd_bus_error *error)
{
        const char *who = count == 1 ? invitees[0].address : "one of these people";

        switch (-r) {
        case EBADMSG:
        case ESTALE:
                return sd_bus_error_setf(
                        error, ERROR_HUB,
                        "The key package that the hub has for %s is forged, damaged or expired, and was "
                        "not used. Try again; if it stays so, ask the hub's operator.",
                        who);
        case EKEYREJECTED:
                return sd_bus_error_setf(
                        error, ERROR_HUB,
                        "%s has another key than before. If they have set up a new account, compare "
                        "the safety number with them in another way and accept the key (visavis contact "
                        "accept); if not, the hub may be cheating.",
                        who);
        case EPROTONOSUPPORT:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "%s uses another cipher suite than this account; all have to use the same.",
                                         who);
        default:
                return account_object_storage_error(r, error);
        }
}

static int finish(struct claims *c, sd_bus_error *error)
{
        _cleanup_free_ struct invitee *invitees = calloc(c->count + 1, sizeof(*invitees));

        if (!invitees)
                abort();
        for (size_t i = 0; i < c->count; i++)
                invitees[i] = (struct invitee){ c->people[i].address, writer_bytes(&c->people[i].package) };
        return c->done(c->account, c->call, invitees, c->count, error);
}

static int ask_next(struct claims *c);

/* Goes on, or answers the call with what has become of it. */
static void go_on(struct claims *c, int r, sd_bus_error *error)
{
        if (r >= 0 && c->next < c->count && (r = ask_next(c)) >= 0)
                return;
        c->account->claims--;
        if (r >= 0)
                r = finish(c, error);
        if (!c->call)
                rejoining_ended(c->account, c->people[0].address, r, error);
        else if (r < 0 && sd_bus_error_is_set(error))
                (void) sd_bus_reply_method_error(c->call, error);
        else if (r < 0)
                (void) sd_bus_reply_method_errno(c->call, r, NULL);
}

static int on_claimed(sd_bus_message *reply, void *userdata, sd_bus_error *ignored)
{
        struct claims *c = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const sd_bus_error *refused = sd_bus_message_get_error(reply);
        int fd, r;

        if (refused)
                r = relay_refused(refused, &error);
        else if (!c->account->messenger || c->account->locks != c->locks)
                r = sd_bus_error_set(&error, ERROR_LOCKED, "The account was locked meanwhile.");
        else
                r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0)
                r = memfd_read(fd, KEY_PACKAGE_MAX, &c->people[c->next++].package);
        go_on(c, r, &error);
        return 0;
}

static int ask_next(struct claims *c)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        int r = relay_call(c->account->cryptod, "ClaimKeyPackage", account_id(c->account), &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", c->people[c->next].address);
        if (r >= 0)
                r = sd_bus_call_async(c->account->cryptod->bus, &slot, m, on_claimed, c, CLAIM_USEC);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, claims_unref);
        if (r >= 0) {
                c->references++;
                r = sd_bus_slot_set_floating(slot, 1);
        }
        return r;
}

static void add_people(struct claims *c, struct bytes addresses)
{
        struct reader r;

        c->people = calloc(CLAIMED_AT_ONCE_MAX, sizeof(*c->people));
        if (!c->people)
                abort();
        reader_init(&r, addresses);
        while (reader_more(&r)) {
                struct bytes address = read_vector(&r);

                memcpy(c->people[c->count++].address, address.data, address.size); /* short enough, being canonical */
        }
}

static size_t count_of(struct bytes addresses)
{
        struct reader r;
        size_t n = 0;

        reader_init(&r, addresses);
        for (; reader_more(&r); n++)
                (void) read_vector(&r);
        return n;
}

int claims_start(struct account *a, sd_bus_message *call, struct bytes addresses, claims_done done, sd_bus_error *error)
{
        struct claims *c;
        int r;

        if (a->claims >= CLAIMS_AT_ONCE)
                return sd_bus_error_set(error, ERROR_BUSY, "Several conversations are being started; try again soon.");
        if (count_of(addresses) > CLAIMED_AT_ONCE_MAX)
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "At most %d people can be added at a time; add the others after that.",
                                         CLAIMED_AT_ONCE_MAX);
        c = calloc(1, sizeof(*c));
        if (!c)
                abort();
        *c = (struct claims){
                .references = 1, .account = a, .call = sd_bus_message_ref(call), .locks = a->locks, .done = done
        };
        add_people(c, addresses);
        r = c->count > 0 ? ask_next(c) : finish(c, error);
        if (r >= 0 && c->count > 0)
                a->claims++;
        claims_unref(c);
        return r < 0 ? r : 1;
}
