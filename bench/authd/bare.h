/* The least that the networks can cost: OpenCV's own forward pass of each, its input ready. */
#pragma once

#include "authd/models.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bare;

/* Parses the networks of the engine "deep" and runs each once. Ends the program if that fails. */
struct bare *bare_new(const struct models *m);

/* One forward pass. */
void bare_run(struct bare *b, enum model m);

/* Returns NULL. */
struct bare *bare_free(struct bare *b);

#ifdef __cplusplus
}
#endif
