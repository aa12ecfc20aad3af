/* See growth.h. */
#include "authd/growth.h"

static const uint64_t DAY = 24 * 3600;
static const double FAMILIAR = 0.90; /* brings nothing new */

/* Looks are numbered from 1 in the order in which they came. */
static unsigned looks_of(const struct template *t)
{
        unsigned most = 0;

        for (unsigned i = 0; i < t->count; i++)
                if (t->origin[i] != ORIGIN_ADAPTATION && t->origin[i] > most)
                        most = t->origin[i];
        return most;
}

static void forget_oldest_look(struct template *t)
{
        template_remove(t, 1);
        for (unsigned i = 0; i < t->count; i++)
                if (t->origin[i] != ORIGIN_ADAPTATION && t->origin[i] > 1)
                        t->origin[i]--;
}

void growth_add_look(struct template *t, const struct template *seen)
{
        template_remove(t, ORIGIN_ADAPTATION);
        while (looks_of(t) >= GROWTH_LOOKS_MAX)
                forget_oldest_look(t);
        uint8_t look = (uint8_t) (looks_of(t) + 1);

        for (unsigned i = 0; i < seen->count; i++)
                template_add(t, look, seen->embedding[i]);
}

static void forget_oldest_adaptation(struct template *t)
{
        struct template rest = *t;
        bool found = false;

        t->count = 0;
        for (unsigned i = 0; i < rest.count; i++) {
                if (!found && rest.origin[i] == ORIGIN_ADAPTATION)
                        found = true;
                else
                        template_add(t, rest.origin[i], rest.embedding[i]);
        }
        template_wipe(&rest);
}

bool growth_adapt(struct template *t, const float embedding[static EMBEDDING_SIZE], double strong, uint64_t now)
{
        bool today = now >= t->adapted && now - t->adapted < DAY;

        if (today || !(template_score_enrolled(t, embedding) >= strong) || !(template_score(t, embedding) < FAMILIAR))
                return false;
        while (template_count(t, ORIGIN_ADAPTATION) >= GROWTH_ADAPTATIONS_MAX)
                forget_oldest_adaptation(t);
        if (t->count == TEMPLATE_MAX)
                return false;
        template_add(t, ORIGIN_ADAPTATION, embedding);
        t->adapted = now;
        return true;
}
