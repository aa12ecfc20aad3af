/* See confinement.h. */
#include "services/confinement.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/cleanup.h"

static const int allowed[] = {
        /* files that are open already */
        SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek),
        SCMP_SYS(fstat), SCMP_SYS(close), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
        /* memory */
        SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
        /* locks, and its own end */
        SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
        SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
        /* a pipe to itself, by which the sanitizers learn whether memory can be read */
        SCMP_SYS(pipe2),
        /* time and chance */
        SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
        SCMP_SYS(getrandom)
};

static const int of_sockets[] = { SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg) };

static const int denied[] = { SCMP_SYS(open),       SCMP_SYS(openat), SCMP_SYS(access),   SCMP_SYS(faccessat2),
                              SCMP_SYS(newfstatat), SCMP_SYS(stat),   SCMP_SYS(readlink), SCMP_SYS(unlink),
                              SCMP_SYS(getcwd),     SCMP_SYS(uname),  SCMP_SYS(sysinfo),  SCMP_SYS(prctl) };

static void release(scmp_filter_ctx *filter)
{
        if (*filter)
                seccomp_release(*filter);
}

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = seccomp_rule_add(filter, action, calls[i], 0);
        return r;
}

/* No processes; the C library falls back from clone3(2) to clone(2), which shows its flags. */
static int add_threads(scmp_filter_ctx filter)
{
        int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

        return r != 0 ? r
                      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD));
}

static int add_rules(scmp_filter_ctx filter, unsigned needs)
{
        int r = add_calls(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));

        if (r == 0)
                r = add_calls(filter, SCMP_ACT_ERRNO(EACCES), denied, COUNT_OF(denied));
        if (r == 0 && needs & CONFINED_WITH_SOCKETS)
                r = add_calls(filter, SCMP_ACT_ALLOW, of_sockets, COUNT_OF(of_sockets));
        if (r == 0 && needs & CONFINED_WITH_THREADS)
                r = add_threads(filter);
        /* Memory that can be executed is made by nobody. */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        /* abort(3) */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) getpid(), 0));
        /* isatty(3), of the C library before it writes to a device such as /dev/null */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_EQ, TCGETS, 0));
        if (r == 0 && needs & CONFINED_WITH_CAMERA)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 'V' << 8));
        return r;
}

int confine(unsigned needs)
{
        _cleanup_(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

        if (!filter) /* also where an outer filter forbids seccomp(2) */
                return -EPERM;
        int r = add_rules(filter, needs);

        return r < 0 ? r : seccomp_load(filter);
}
