/* What is known of somebody's key, as a mark beside the name. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/contacts.h"

enum trust {
        TRUST_NONE,     /* a group; or nothing is known yet */
        TRUST_KNOWN,    /* on first use: no mark, for it says nothing against anybody else */
        TRUST_VERIFIED, /* the safety number was compared */
        TRUST_CHANGED,  /* another key came up and was refused */
};

/* That of the person with this address, among the account's contacts. */
enum trust trust_of(const struct contact *list, size_t n, const char *address);

/* Shows the mark in @image, or hides it. */
void trust_mark_set(GtkImage *image, enum trust trust);

/* What it says in words; "" for none. */
const char *trust_words(enum trust trust);
