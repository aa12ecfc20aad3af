/* The models of an engine, as their manifest (manifest.h) names them: their bytes once these have been checked.
 *
 * A network decides who gets in, so a file is read once and hashed in the very memory from which it is parsed: what has
 * not been verified never reaches the parser, and a file that changes on the disk later does not matter. */
#pragma once

#include "authd/manifest.h"
#include "services/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

struct models {
        struct manifest manifest;
        struct bytes file[MODEL_COUNT]; /* owned; empty: the engine has none */
};

#define _cleanup_models_ __attribute__((cleanup(models_release)))

/* Reads the files of @manifest from @directory and checks each. A sentence that says what to do has been logged on
 * error: -ENOENT or what else open(2) and read(2) say, -EBADMSG if a file is not the one of the manifest, -EFBIG if it
 * is larger than any network. @out is left empty then. */
int models_load(const char *directory, const struct manifest *manifest, struct models *out);

/* manifest_load() and models_load() in one, for programs that need both at once. */
int models_load_engine(const char *directory, enum engine engine, struct models *out);

/* Frees the bytes. */
void models_release(struct models *m);

#ifdef __cplusplus
}
#endif
