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
        MINUTE = 60 * 1000 * 1000,
        UNPROVEN_SHARE = 8,
        BURST_SECONDS = 5, /* of requests */
        CLAIM_BURST = 20,
};

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
        struct rate_table *links, *registrations, *requests, *claims, *one_time;
};

/* A new table, unless the one that is there has the same rate already. */
static int make_table(unsigned count, uint64_t usec, unsigned burst, unsigned size, bool same, struct rate_table **out)
{
        return same ? 0 : rate_table_new(count, usec, burst, size, out);
}

static void replace(struct rate_table **table, struct rate_table *by)
{
        if (!by)
                return;
        rate_table_free(*table);
        *table = by;
}

int gate_configure(struct gate *g, const struct gate_settings *settings)
{
        const struct gate_settings *s = settings, *old = &g->settings;
        struct rate_table *links = NULL, *registrations = NULL, *requests = NULL, *claims = NULL, *one_time = NULL;

        if (make_table(s->links_per_minute, MINUTE, s->links_per_minute, ADDRESSES,
                       g->links && s->links_per_minute == old->links_per_minute, &links) < 0 ||
            make_table(s->registrations_per_hour, 60ULL * MINUTE, s->registrations_per_hour, ADDRESSES,
                       g->registrations && s->registrations_per_hour == old->registrations_per_hour,
                       &registrations) < 0 ||
            make_table(s->requests_per_second, 1000000, s->requests_per_second * BURST_SECONDS, ACCOUNTS,
                       g->requests && s->requests_per_second == old->requests_per_second, &requests) < 0 ||
            make_table(s->claims_per_minute, MINUTE, CLAIM_BURST, ACCOUNTS,
                       g->claims && s->claims_per_minute == old->claims_per_minute, &claims) < 0 ||
            make_table(s->claims_of_name_per_hour, 60ULL * MINUTE, s->claims_of_name_per_hour, ACCOUNTS,
                       g->one_time && s->claims_of_name_per_hour == old->claims_of_name_per_hour, &one_time) < 0) {
                rate_table_free(links);
                rate_table_free(registrations);
                rate_table_free(requests);
                rate_table_free(claims);
                return -ENOMEM;
        }
        replace(&g->links, links);
        replace(&g->registrations, registrations);
        replace(&g->requests, requests);
        replace(&g->claims, claims);
        replace(&g->one_time, one_time);
        g->settings = *s;
        return 0;
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
        rate_table_free(g->links);
        rate_table_free(g->registrations);
        rate_table_free(g->requests);
        rate_table_free(g->claims);
        rate_table_free(g->one_time);
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
               rate_table_take(g->links, BYTES(address, 16), now_usec) == 0;
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
        return rate_table_take(g->registrations, BYTES_OF(pass->address), now_usec);
}

uint64_t gate_request(struct gate *g, int64_t mailbox, uint64_t now_usec)
{
        return rate_table_take(g->requests, BYTES(&mailbox, sizeof(mailbox)), now_usec);
}

uint64_t gate_claim(struct gate *g, int64_t mailbox, uint64_t now_usec)
{
        return rate_table_take(g->claims, BYTES(&mailbox, sizeof(mailbox)), now_usec);
}

bool gate_one_time(struct gate *g, int64_t mailbox, struct bytes name, uint64_t now_usec)
{
        uint8_t key[sizeof(mailbox) + 64];
        size_t size = name.size < 64 ? name.size : 64;

        memcpy(key, &mailbox, sizeof(mailbox));
        memcpy(key + sizeof(mailbox), name.data, size);
        return rate_table_take(g->one_time, BYTES(key, sizeof(mailbox) + size), now_usec) == 0;
}

unsigned gate_unproven(const struct gate *g)
{
        return g->unproven;
}

uint64_t gate_refused(const struct gate *g)
{
        return g->refused;
}
