/* A fresh proof that it is the account's owner who changes what opens it: PIN and face, or the recovery code. */
#pragma once

#include "services/bytes.h"
#include "services/secret.h"
#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

struct proof {
        const char *kind;            /* face, recovery */
        struct bytes ticket;         /* of the face; empty if it was not asked for */
        const struct secret *factor; /* the PIN, or the words */
};

/* The last three arguments of a method of im.visavis.Crypto1.Slots. Errors: as sd_bus_message_append(3). */
int proof_append(sd_bus_message *m, const struct proof *p);

/* What else the change needs: nothing; the face, also where the recovery code takes the PIN's place; or the face
 * enrolled anew, where the recovery code alone says who it is. */
enum proof_face { PROOF_FACE_WITH_PIN, PROOF_FACE_ALWAYS, PROOF_FACE_ANEW };

/* Pushes the page. @done is called once; the proof is valid during the call. The page stays until it is popped; it is
 * returned, so that what
 * @userdata is can end with it. */
GtkWidget *proof_page_push(struct sheet *s, struct account *a, enum proof_face face,
                           void (*done)(const struct proof *p, void *userdata), void *userdata);
