/* The sandbox of the process that looks: of all system calls, those that it takes to read an open camera, to compute
 * and to answer. */
#pragma once

#include <stdbool.h>

/* From now on this process, for good: opens no file and no socket, starts no program, sends no signal but to itself.
 * What libraries ask of the file system now and then is denied with EACCES; any other call kills the process. @device:
 * V4L2's ioctl(2)s are allowed. -EPERM where
 * seccomp(2) may not be used; what seccomp_load(3) returns. */
int confine(bool device);
