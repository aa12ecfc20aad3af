/* authd's half of what is on disk. It has a file to itself because two daemons' headers do not mix. */
#pragma once

#include <sys/types.h>

#include "services/secret.h"

/* The face secret of an account, from a copy of authd's state directory. What accounts_face_secret() returns. */
int face_secret_on_disk(const char *authd_state, const char *account, uid_t uid, struct secret **out);
