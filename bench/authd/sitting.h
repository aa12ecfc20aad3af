/* A sitting: an actor (tests/actor) before an examination, who does what it asks for, in front of a camera of 15
 * pictures a second. It runs on a clock of its own, so other programs do not change what comes of it. */
#pragma once

#include "authd/examination.h"
#include "tests/actor/actor.h"

/* What looks, and by which rotation templates are kept. */
struct studio {
        struct vision *vision;
        struct thresholds thresholds;
        struct rotation *rotation;
};

/* Readies the networks of VISAVIS_MODELS. Ends the program if they cannot be used. */
struct studio studio_open(void);
void studio_close(struct studio *s);

/* Somebody of a photograph in VISAVIS_PHOTOS. Ends the program if the photograph does not show that face. */
struct actor *studio_cast(const struct studio *s, const char *photo, unsigned face, uint64_t seed);

/* Plays an examination to its end; the caller wipes @out. @known: rotated, of a verification; NULL: an enrolment.
 * @computing: pictures take as long as judging them took, and those that come meanwhile are left out. Returns the
 * seconds from the first picture to the decision. */
double sitting_play(const struct studio *s, struct actor *actor, const struct template *known, uint32_t random,
                    bool computing, struct examination *out);

/* Enrols the actor into @out, rotated. False if it was not possible. */
bool sitting_enrol(const struct studio *s, struct actor *actor, struct template *out);
