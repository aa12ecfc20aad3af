/* See growth.h. */
#include "authd/growth.h"

#include <errno.h>

static const uint64_t DAY = 24 * 3600;
static const double FAMILIAR = 0.90; /* brings nothing new */

/* Looks are numbered in the order in which they came. */
unsigned growth_looks(const struct template *t)
{
        unsigned looks = 0;

        for (unsigned i = 0; i < t->count; i++)
                if (t->origin[i] != ORIGIN_ADAPTATION && t->origin[i] >= looks)
                        looks = t->origin[i] + 1U;
        return looks;
}

static void forget_look(struct template *t, unsigned look)
{
        template_remove(t, (uint8_t) look);
        for (unsigned i = 0; i < t->count; i++)
                if (t->origin[i] != ORIGIN_ADAPTATION && t->origin[i] > look)
                        t->origin[i]--;
}

void growth_add_look(struct template *t, const struct template *seen)
{
        template_remove(t, ORIGIN_ADAPTATION);
        while (growth_looks(t) > GROWTH_LOOKS_MAX)
                forget_look(t, 1);
        uint8_t look = (uint8_t) growth_looks(t);

        for (unsigned i = 0; i < seen->count; i++)
                template_add(t, look, seen->embedding[i]);
}

int growth_remove_look(struct template *t, unsigned look)
{
        if (look >= growth_looks(t))
                return -ENOENT;
        if (growth_looks(t) == 1)
                return -EPERM;
        template_remove(t, ORIGIN_ADAPTATION);
        forget_look(t, look);
        return 0;
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
