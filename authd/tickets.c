/* See tickets.h. */
#include "authd/tickets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/seal.h"

struct ticket {
        struct ticket *next;
        uint8_t hash[32];
        char account[ACCOUNT_ID_SIZE];
        uid_t uid;
        char caller[256];
        uint64_t issued;
        struct enrolment *enrolment;
};

struct tickets {
        struct ticket *first;
        unsigned count;
};

struct enrolment *enrolment_free(struct enrolment *e)
{
        if (!e)
                return NULL;
        template_wipe(&e->template);
        gallery_free(e->gallery);
        secret_free(e->rotation);
        secret_free(e->face_secret);
        free(e);
        return NULL;
}

static void drop(struct tickets *t, struct ticket **link)
{
        struct ticket *gone = *link;

        *link = gone->next;
        t->count--;
        enrolment_free(gone->enrolment);
        explicit_bzero(gone, sizeof(*gone));
        free(gone);
}

struct tickets *tickets_new(void)
{
        return calloc(1, sizeof(struct tickets));
}

struct tickets *tickets_free(struct tickets *t)
{
        while (t && t->first)
                drop(t, &t->first);
        free(t);
        return NULL;
}

int tickets_issue(struct tickets *t, const char *account, uid_t uid, const char *caller, struct enrolment *enrolment,
                  uint64_t now, uint8_t out[static TICKET_SIZE])
{
        struct ticket *new;

        tickets_expire(t, now);
        if (t->count >= TICKETS_MAX || !(new = calloc(1, sizeof(*new)))) {
                enrolment_free(enrolment);
                return t->count >= TICKETS_MAX ? -ENOSPC : -ENOMEM;
        }
        random_fill(out, TICKET_SIZE);
        sha256(BYTES(out, TICKET_SIZE), new->hash);
        (void) snprintf(new->account, sizeof(new->account), "%s", account);
        (void) snprintf(new->caller, sizeof(new->caller), "%s", caller);
        new->uid = uid;
        new->issued = now;
        new->enrolment = enrolment;
        new->next = t->first;
        t->first = new;
        t->count++;
        return 0;
}

static bool valid(const struct ticket *t, uint64_t now)
{
        return now >= t->issued && now - t->issued < TICKET_LIFETIME_USEC;
}

int tickets_redeem(struct tickets *t, struct bytes ticket, const char *account, uid_t uid, const char *caller,
                   uint64_t now, struct enrolment **out_enrolment)
{
        uint8_t hash[32];

        tickets_expire(t, now);
        sha256(ticket, hash);
        for (struct ticket **link = &t->first; *link; link = &(*link)->next) {
                struct ticket *found = *link;

                if (!secret_equal(BYTES_OF(found->hash), BYTES_OF(hash)))
                        continue;
                bool good = valid(found, now) && strcmp(found->account, account) == 0 && found->uid == uid &&
                            strcmp(found->caller, caller) == 0;

                if (good) {
                        *out_enrolment = found->enrolment;
                        found->enrolment = NULL;
                }
                drop(t, link);
                return good ? 0 : -ENOENT;
        }
        return -ENOENT;
}

void tickets_drop_caller(struct tickets *t, const char *caller)
{
        for (struct ticket **link = &t->first; *link;) {
                if (strcmp((*link)->caller, caller) == 0)
                        drop(t, link);
                else
                        link = &(*link)->next;
        }
}

void tickets_expire(struct tickets *t, uint64_t now)
{
        for (struct ticket **link = &t->first; *link;) {
                if (!valid(*link, now))
                        drop(t, link);
                else
                        link = &(*link)->next;
        }
}

unsigned tickets_count(const struct tickets *t)
{
        return t->count;
}
