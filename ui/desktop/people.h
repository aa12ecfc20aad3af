/* Whom the account has met, under the names that its owner gave them: asked wherever somebody is named. */
#pragma once

#include <glib.h>

#include "ui/client/contacts.h"

enum trust {
        TRUST_NONE,     /* a group; or nothing is known yet */
        TRUST_KNOWN,    /* on first use: no mark, for it says nothing against anybody else */
        TRUST_VERIFIED, /* the safety number was compared */
        TRUST_CHANGED,  /* another key came up and was refused */
};

struct people;

struct people *people_new(void);
void people_free(struct people *p);

/* These and nobody else; the list is copied. */
void people_set(struct people *p, const struct contact *list, size_t n);

/* What somebody is called: their nickname, or the name in the address; with what stands in the way if @address begins
 * with ? (another key than the one that is known). Of what is no address (a group) the text itself. g_free() it. */
char *people_name(const struct people *p, const char *address);

/* Of somebody whose address begins with ?, TRUST_CHANGED. */
enum trust people_trust(const struct people *p, const char *address);
bool people_blocked(const struct people *p, const char *address);
