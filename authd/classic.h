/* The part of an examination for the engine "lbph", which has neither landmarks nor pose.
 *
 *     searching ──▶ challenge ──▶ passed
 *
 * Searching gathers pictures of one face whose eyes are seen open: as many as a gallery holds for an enrolment, a few
 * for a verification, which are compared. The challenge asks for a number of blinks that is picked at random, each
 * after a rest that is: between pictures in which both eyes are seen there must be some in which the face is seen and
 * neither eye. That is what can be had without networks. It keeps out photographs; whoever shows a film of somebody who
 * blinks now and then gets in (docs/models.md). */
#pragma once

#include "authd/examination.h"
#include "authd/gallery.h"

/* What comes next was seen at @now; NULL: time passed. As examination_observe(), which has done the common part. */
void classic_observe(struct examination *e, const struct observation *o, uint64_t now);

/* OBSERVE_… to ask for. */
unsigned classic_wanted(void);

/* The prompt's name on the bus while the challenge runs. */
const char *classic_prompt(const struct examination *e);

/* Makes a classic examination of @known, which passes over in any case; NULL: an enrolment. NULL when memory is
 * exhausted. */
struct classic *classic_new(struct gallery *known, uint32_t random);

/* Wipes and frees. NULL is allowed. Returns NULL. */
struct classic *classic_free(struct classic *c);

/* What an enrolment has gathered; it passes to the caller. */
struct gallery *classic_take_gallery(struct classic *c);
