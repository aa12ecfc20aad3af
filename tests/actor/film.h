/* A film: what a camera would see of an actor, in a video file. */
#pragma once

#include "actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes @path (AVI with Motion JPEG, silent): the actor follows @prompts, separated by commas, @seconds each. -EINVAL
 * without a prompt, -EIO if it cannot be written, what actor_frame() returns. */
int film_write(struct actor *a, const char *prompts, double seconds, double rate, const char *path);

#ifdef __cplusplus
}
#endif
