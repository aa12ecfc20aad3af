/* See people.h. */
#include "ui/desktop/people.h"

#include <string.h>

struct person {
        char *nickname;
        enum trust trust;
        bool blocked;
};

struct people {
        GHashTable *by_address;
};

static void person_free(gpointer data)
{
        struct person *one = data;

        g_free(one->nickname);
        g_free(one);
}

struct people *people_new(void)
{
        struct people *p = g_new0(struct people, 1);

        p->by_address = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, person_free);
        return p;
}

void people_free(struct people *p)
{
        g_hash_table_unref(p->by_address);
        g_free(p);
}

void people_set(struct people *p, const struct contact *list, size_t n)
{
        g_hash_table_remove_all(p->by_address);
        for (size_t i = 0; i < n; i++) {
                struct person *one = g_new0(struct person, 1);

                one->nickname = g_strdup(list[i].nickname);
                one->trust = list[i].changed ? TRUST_CHANGED : list[i].verified ? TRUST_VERIFIED : TRUST_KNOWN;
                one->blocked = list[i].blocked;
                g_hash_table_insert(p->by_address, g_strdup(list[i].address), one);
        }
}

static const struct person *find(const struct people *p, const char *address)
{
        return g_hash_table_lookup(p->by_address, address);
}

char *people_name(const struct people *p, const char *address)
{
        bool doubtful = *address == '?';
        const char *rest = address + doubtful;
        const struct person *one = find(p, rest);
        g_autofree char *name = one && *one->nickname ? g_strdup(one->nickname) : g_strndup(rest, strcspn(rest, "@"));

        return doubtful ? g_strdup_printf("%s (another key than you know)", name) : g_steal_pointer(&name);
}

enum trust people_trust(const struct people *p, const char *address)
{
        const struct person *one = find(p, address);

        return *address == '?' ? TRUST_CHANGED : one ? one->trust : TRUST_NONE;
}

bool people_blocked(const struct people *p, const char *address)
{
        const struct person *one = find(p, address);

        return one && one->blocked;
}
