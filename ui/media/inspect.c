/* visavis-inspect SIDE: looks at the picture, video or recording on standard input and writes to standard output what
 * it found (finding.h). Started by inspection.c, without an environment and with no other descriptor. Before it reads a
 * byte it gives up all system calls but those that it takes to compute (services/confinement.h), and most of the
 * memory and time that a program may have; so what is hostile in the file can do no more than spoil the answer. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/confinement.h"
#include "ui/media/look.h"

enum { SECONDS = 8, MEMORY = 1536 * 1024 * 1024 };

static void limit(void)
{
        const struct rlimit none = { 0, 0 }, seconds = { SECONDS, SECONDS };

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) setrlimit(RLIMIT_CORE, &none);
        (void) setrlimit(RLIMIT_FSIZE, &none);
        (void) setrlimit(RLIMIT_CPU, &seconds);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
        (void) setrlimit(RLIMIT_AS, &(struct rlimit){ MEMORY, MEMORY });
#endif
}

static int tell(const struct finding *f)
{
        _cleanup_writer_ struct writer w = WRITER_INIT;

        finding_write(f, &w);
        if (writer_finish(&w) < 0)
                return EXIT_FAILURE;
        for (size_t at = 0; at < w.size;) {
                const ssize_t n = write(STDOUT_FILENO, w.data + at, w.size - at);

                if (n < 0 && errno != EINTR)
                        return EXIT_FAILURE;
                at += n > 0 ? (size_t) n : 0;
        }
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
        const unsigned long side = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
        struct finding f = { 0 };
        struct stat st;

        if (side == 0 || side > FINDING_SIDE_MAX || fstat(STDIN_FILENO, &st) < 0)
                return EXIT_FAILURE;
        limit();
        if (confine(CONFINED) < 0)
                return EXIT_FAILURE;
        look(STDIN_FILENO, st.st_size, (unsigned) side, &f);
        _exit(tell(&f)); /* what it has goes with the process */
}
