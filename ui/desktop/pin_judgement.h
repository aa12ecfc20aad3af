/* How long a PIN or passphrase holds, told honestly.
 *
 * Two attackers matter. One sits at the computer: each guess costs a live face and a growing delay, so nearly any PIN
 * holds. The other has the disk with both daemons' state, needs no face any more and guesses as fast as Argon2id lets
 * them: there only the number of guesses counts. The estimate is for somebody who knows how people choose: it takes
 * digits at their face value unless they are a pattern or a date, and letters at what English text carries. */
#pragma once

#include "services/bytes.h"

enum pin_grade {
        PIN_UNFIT,  /* cryptod would refuse it, or it is among the first that anybody tries */
        PIN_WEAK,   /* holds at the computer; falls in hours from a stolen disk */
        PIN_FAIR,   /* … in days to months */
        PIN_STRONG, /* … not within years */
};

struct pin_judgement {
        enum pin_grade grade;
        const char *sentence; /* constant; "" for an empty PIN */
};

/* @pin is UTF-8; it is looked at and not kept. */
struct pin_judgement pin_judge(struct bytes pin);
