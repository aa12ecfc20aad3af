/* Why an attempt failed: its name on the bus, and what a person is told. */
#pragma once

enum failure {
        FAILURE_NONE,
        FAILURE_NO_FACE,
        FAILURE_NO_MATCH,
        FAILURE_PRESENTATION_ATTACK, /* ISO/IEC 30107-1: what is before the camera is no living face, or may be none */
        FAILURE_SEVERAL_FACES,
        FAILURE_TIMEOUT,
        FAILURE_CAMERA,
        FAILURE_QUALITY,
        FAILURE_DARK,
        FAILURE_THROTTLED,
        FAILURE_STORAGE,
        FAILURE_INTERNAL,
};

/* "no-face" and so on; "" for FAILURE_NONE. */
const char *failure_name(enum failure f);

/* What happened and what to do, as sentences; "" for FAILURE_NONE. */
const char *failure_text(enum failure f);

/* The same for FAILURE_CAMERA, where it is known why it gives no pictures: what source_open() and source_read() return.
 */
const char *failure_camera_text(int error);

/* The same for FAILURE_STORAGE: what a function of accounts.h returned. */
const char *failure_storage_text(int error);
