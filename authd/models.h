/* The face networks: which files they are, by SHA-256, and their bytes once these have been checked.
 *
 * A network decides who gets in, so a file is hashed in the very memory from which it is parsed: what has not been
 * verified never reaches the parser, and a file that changes on the disk later does not matter. */
#pragma once

#include "services/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

enum model {
        MODEL_DETECT,   /* RFB-320: where the faces are */
        MODEL_LANDMARK, /* 68 points of a face */
        MODEL_FEATURE,  /* MobileFaceNet: the embedding */
        MODEL_LIVENESS, /* passive presentation attack detection */
        MODEL_POSE,     /* yaw, pitch and roll of the head */
        MODEL_EYE,      /* open or closed */
        MODEL_COUNT,
};

struct models {
        struct bytes file[MODEL_COUNT]; /* owned */
};

#define _cleanup_models_ __attribute__((cleanup(models_release)))

/* What a model's file must be. */
struct model_manifest {
        const char *file;
        const char *sha256; /* 64 hex digits */
};

/* The networks that this program was built and measured with. */
extern const struct model_manifest model_manifest[MODEL_COUNT];

/* Reads the MODEL_COUNT files of @manifest from @directory and checks each. A sentence that says what to do has been
 * logged on error: -ENOENT or what else open(2) and read(2) say, -EBADMSG if a file is not the one of the manifest,
 * -EFBIG if it is larger than any network. @out is left empty then. */
int models_load(const char *directory, const struct model_manifest *manifest, struct models *out);

/* Frees the bytes. */
void models_release(struct models *m);

#ifdef __cplusplus
}
#endif
