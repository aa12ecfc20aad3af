/* See gate.h. */
#include "gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "rate_table.h"
#include "services/seal.h"

enum {
        BUCKETS = 4096,
        ADDRESSES = 16384, /* whose rates are known at a time */
        ACCOUNTS = 65536,
        SECOND = 1000 * 1000,
        MINUTE = 60 * SECOND,
        UNPROVEN_SHARE = 8,
        BURST_SECONDS = 5, /* of requests and chunks */
        CLAIM_BURST = 20,
};

enum { LINKS, REGISTRATIONS, REQUESTS, CLAIMS, ONE_TIME, CHUNKS, CHUNKS_OF_ADDRESS, RATES };

/* An address from which there are links now. */
struct place {
        struct place *next;
        uint8_t address[16];
        unsigned links, unproven;
};

struct gate {
        struct gate_settings settings;
        struct place *places[BUCKETS];
        uint64_t seed, refused;
        unsigned unproven;
        struct rate_table *tables[RATES];
};

/* What a rate is: so many in a time, and how many at once. */
struct rate {
        uint64_t count, usec, burst;
        unsigned size; /* of its table */
};

static void rates_of(const struct gate_settings *s, struct rate out[static RATES])
{
        const struct rate rates[RATES] = {
                [LINKS] = { s->links_per_minute, MINUTE, s->links_per_minute, ADDRESSES },
                [REGISTRATIONS] = { s->registrations_per_hour, 60ULL * MINUTE, s->registrations_per_hour, ADDRESSES },
                [REQUESTS] = { s->requests_per_second, SECOND, (uint64_t) s->requests_per_second * BURST_SECONDS,
                               ACCOUNTS },
                [CLAIMS] = { s->claims_per_minute, MINUTE, CLAIM_BURST, ACCOUNTS },
                [ONE_TIME] = { s->claims_of_name_per_hour, 60ULL * MINUTE, s->claims_of_name_per_hour, ACCOUNTS },
                [CHUNKS] = { s->chunk_rate, SECOND, (uint64_t) s->chunk_rate * BURST_SECONDS, ACCOUNTS },
                [CHUNKS_OF_ADDRESS] = { s->chunk_rate_of_address, SECOND,
                                        (uint64_t) s->chunk_rate_of_address * BURST_SECONDS, ADDRESSES },
        };

        memcpy(out, rates, sizeof(rates));
}

int gate_configure(struct gate *g, const struct gate_settings *settings)
{
        struct rate rates[RATES], old[RATES];
        struct rate_table *tables[RATES] = { NULL };
        int r = 0;

        rates_of(settings, rates);
        rates_of(&g->settings, old);
        for (unsigned i = 0; i < RATES && r >= 0; i++) {
                if (!g->tables[i] || rates[i].count != old[i].count)
                        r = rate_table_new(rates[i].count, rates[i].usec, rates[i].burst, rates[i].size, &tables[i]);
        }
        for (unsigned i = 0; i < RATES; i++) {
                if (r < 0) {
                        rate_table_free(tables[i]);
                } else if (tables[i]) {
                        rate_table_free(g->tables[i]);
                        g->tables[i] = tables[i];
                }
        }
        if (r >= 0)
                g->settings = *settings;
        return r;
}

int gate_new(const struct gate_settings *settings, struct gate **out)
{
        struct gate *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        random_fill(&g->seed, sizeof(g->seed));
        if (gate_configure(g, settings) < 0) {
                gate_free(g);
                return -ENOMEM;
        }
        *out = g;
        return 0;
}

struct gate *gate_free(struct gate *g)
{
        if (!g)
                return NULL;
        for (unsigned i = 0; i < BUCKETS; i++) {
                while (g->places[i]) {
                        struct place *p = g->places[i];

                        g->places[i] = p->next;
                        free(p);
                }
        }
        for (unsigned i = 0; i < RATES; i++)
                rate_table_free(g->tables[i]);
        free(g);
        return NULL;
}

/* What counts as one address. */
static void address_of(const struct sockaddr_storage *peer, uint8_t out[static 16])
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        memset(out, 0, 16);
        if (peer->ss_family == AF_INET) {
                memcpy(out, mapped, sizeof(mapped));
                memcpy(out + 12, &((const struct sockaddr_in *) peer)->sin_addr, 4);
        } else if (peer->ss_family == AF_INET6) {
                const struct in6_addr *a = &((const struct sockaddr_in6 *) peer)->sin6_addr;

                memcpy(out, a, memcmp(a, mapped, sizeof(mapped)) == 0 ? 16 : 8);
        }
}

static struct place **find_place(struct gate *g, const uint8_t address[static 16])
{
        uint64_t h = g->seed;
        struct place **p;

        for (unsigned i = 0; i < 16; i++)
                h = (h ^ address[i]) * 0x9e3779b97f4a7c15, h ^= h >> 29;
        for (p = &g->places[h % BUCKETS]; *p && memcmp((*p)->address, address, 16) != 0; p = &(*p)->next)
                continue;
        return p;
}

static bool is_over(unsigned limit, unsigned count)
{
        return limit > 0 && count >= limit;
}

static bool may_enter(struct gate *g, const struct place *p, const uint8_t address[static 16], uint64_t now_usec)
{
        const struct gate_settings *s = &g->settings;

        return !is_over(s->unproven, g->unproven) &&
               !(p && (is_over(s->unproven / UNPROVEN_SHARE, p->unproven) || is_over(s->links_of_address, p->links))) &&
               rate_table_take(g->tables[LINKS], BYTES(address, 16), now_usec) == 0;
}

bool gate_enter(struct gate *g, const struct sockaddr_storage *peer, uint64_t now_usec, struct gate_pass *pass)
{
        uint8_t address[16];

        address_of(peer, address);
        struct place **p = find_place(g, address);

        if (!may_enter(g, *p, address, now_usec) || (!*p && !(*p = calloc(1, sizeof(**p))))) {
                g->refused++;
                return false;
        }
        memcpy((*p)->address, address, sizeof(address));
        memcpy(pass->address, address, sizeof(address));
        pass->proven = false;
        (*p)->links++;
        (*p)->unproven++;
        g->unproven++;
        return true;
}

void gate_proven(struct gate *g, struct gate_pass *pass)
{
        pass->proven = true;
        g->unproven--;
        (*find_place(g, pass->address))->unproven--;
}

void gate_leave(struct gate *g, const struct gate_pass *pass)
{
        struct place **p = find_place(g, pass->address), *left = *p;

        left->unproven -= !pass->proven;
        g->unproven -= !pass->proven;
        if (--left->links > 0)
                return;
        *p = left->next;
        free(left);
}

uint64_t gate_register(struct gate *g, const struct gate_pass *pass, uint64_t now_usec)
{
        return rate_table_take(g->tables[REGISTRATIONS], BYTES_OF(pass->address), now_usec);
}

uint64_t gate_request(struct gate *g, int64_t mailbox, uint64_t now_usec)
{
        return rate_table_charge(g->tables[REQUESTS], BYTES(&mailbox, sizeof(mailbox)), 1, now_usec);
}

uint64_t gate_chunk(struct gate *g, const struct gate_pass *pass, int64_t mailbox, size_t size, uint64_t now_usec)
{
        uint64_t account = rate_table_charge(g->tables[CHUNKS], BYTES(&mailbox, sizeof(mailbox)), size, now_usec),
                 address = rate_table_charge(g->tables[CHUNKS_OF_ADDRESS], BYTES_OF(pass->address), size, now_usec);

        return account > address ? account : address;
}

uint64_t gate_claim(struct gate *g, int64_t mailbox, uint64_t now_usec)
{
        return rate_table_take(g->tables[CLAIMS], BYTES(&mailbox, sizeof(mailbox)), now_usec);
}

bool gate_one_time(struct gate *g, int64_t mailbox, struct bytes name, uint64_t now_usec)
{
        uint8_t key[sizeof(mailbox) + 64];
        size_t size = name.size < 64 ? name.size : 64;

        memcpy(key, &mailbox, sizeof(mailbox));
        memcpy(key + sizeof(mailbox), name.data, size);
        return rate_table_take(g->tables[ONE_TIME], BYTES(key, sizeof(mailbox) + size), now_usec) == 0;
}

unsigned gate_unproven(const struct gate *g)
{
        return g->unproven;
}

uint64_t gate_refused(const struct gate *g)
{
        return g->refused;
}
