/* An actor: a photograph of a person who does before a camera what the prompts ask for.
 *
 * Made for tests only: authd must be satisfied by it, and must not be by the same photograph that is merely held up.
 * Time is told by the caller, in seconds from any origin, so a test need not wait for it. */
#pragma once

#include <stdbool.h>

#include "authd/frame.h"
#include "authd/vision/vision.h"

#ifdef __cplusplus
extern "C" {
#endif

struct actor;

/* Who plays, and how. */
struct role {
        const char *photo;
        unsigned face;          /* counted by size, the largest is 1 */
        unsigned width, height; /* of the frames */
        bool still;             /* a photograph in a hand: it is moved and tilted as a whole, the face does not move */
        uint64_t seed;          /* of the noise and the sway */
};

/* Finds the face. @v is no longer needed afterwards. -ENOENT: the photograph has fewer faces; -EBADMSG: no photograph;
 * -ENOMEM, -EIO. */
int actor_new(struct vision *v, const struct role *role, struct actor **out);

/* From @now on, acts on @prompt: "turn-left" and "turn-right" (the person's own left and right), each also with
 * "-a-little" or "-far", "look-up", "look-down", "blink" again and again, "blink-" and how many times, and
 * "look-straight", which any other text means too. */
void actor_prompt(struct actor *a, const char *prompt, double now);

/* The picture at @now, which never goes back. -EINVAL, -ENOMEM, -EIO. */
int actor_frame(struct actor *a, double now, struct frame *out);

/* NULL is allowed. Returns NULL. */
struct actor *actor_free(struct actor *a);

#ifdef __cplusplus
}
#endif
