/* The sandbox of a process that takes apart what may be hostile: of all system calls, those that it takes to compute
 * with what is open already. */
#pragma once

/* What it needs beyond that. */
enum confinement {
        CONFINED = 0,
        CONFINED_WITH_SOCKETS = 1, /* talks over those that it has */
        CONFINED_WITH_THREADS = 2, /* starts some */
        CONFINED_WITH_CAMERA = 4,  /* V4L2's ioctl(2)s */
};

/* From now on this process, for good: opens no file and no socket, starts no program, sends no signal but to itself.
 * What libraries ask of the file system now and then is denied with EACCES; any other call kills the process. @needs:
 * CONFINED_WITH_…, together. -EPERM where seccomp(2) may not be used; what seccomp_load(3) returns. */
int confine(unsigned needs);
