/* See identification.h. */
#include "authd/identification.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"

struct comparison {
        double score[IDENTIFICATION_MAX]; /* of those that match, beside their ids */
        unsigned compared;
        char account[IDENTIFICATION_MAX][ACCOUNT_ID_SIZE]; /* all that were compared */
};

static int descending(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x < y) - (x > y);
}

static double score_of(const struct template *known, const struct rotation *rotation, const struct template *seen)
{
        _cleanup_template_ struct template rotated = *seen;
        double score[TEMPLATE_MAX];

        rotation_apply_template(rotation, &rotated);
        for (unsigned i = 0; i < seen->count; i++)
                score[i] = template_score(known, rotated.embedding[i]);
        qsort(score, seen->count, sizeof(score[0]), descending);
        return seen->count > 0 ? score[seen->count / 2] : -1;
}

static void insert(struct identification *out, double scores[static IDENTIFICATION_MAX], const char *account,
                   double score)
{
        unsigned i = out->count++;

        for (; i > 0 && scores[i - 1] < score; i--) {
                scores[i] = scores[i - 1];
                memcpy(out->account[i], out->account[i - 1], ACCOUNT_ID_SIZE);
        }
        scores[i] = score;
        (void) snprintf(out->account[i], ACCOUNT_ID_SIZE, "%s", account);
}

/* What cannot be read has been logged, and is nobody. */
static int compare(struct accounts *a, const char *account, uid_t uid, const struct template *seen, double match,
                   struct comparison *c, struct identification *out)
{
        _cleanup_rotation_ struct rotation *rotation = NULL;
        _cleanup_template_ struct template known = { 0 };
        uint64_t wait;
        int r = accounts_wait(a, account, &wait);

        if (r < 0 || wait > 0)
                return r;
        r = accounts_template(a, account, uid, &known, &rotation);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;
        (void) snprintf(c->account[c->compared++], ACCOUNT_ID_SIZE, "%s", account);
        double score = score_of(&known, rotation, seen);

        if (score >= match)
                insert(out, c->score, account, score);
        return 0;
}

int identification_make(struct accounts *a, uid_t uid, const struct template *seen, double match,
                        struct identification *out)
{
        struct identification found = { 0 };
        struct comparison c = { 0 };
        char account[ACCOUNT_ID_SIZE] = "";
        int r = 0;

        for (unsigned i = 0; i < IDENTIFICATION_MAX && (r = accounts_next(a, uid, account)) > 0; i++)
                if ((r = compare(a, account, uid, seen, match, &c, &found)) < 0)
                        break;
        if (r >= 0 && c.compared == 0)
                r = -EAGAIN;
        for (unsigned i = 0; r >= 0 && found.count == 0 && i < c.compared; i++)
                r = accounts_count_failure(a, c.account[i]);
        if (r < 0)
                return r;
        *out = found;
        return 0;
}
