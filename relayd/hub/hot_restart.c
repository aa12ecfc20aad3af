/* See hot_restart.h. */
#include "hot_restart.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/log.h"

static char program[PATH_MAX]; /* an upgrade puts another file in its place, by that name */
static int sockets[HUB_LISTENERS_MAX];
static unsigned count;

void hot_restart_prepare(void)
{
        ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

        program[n > 0 ? n : 0] = '\0';
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        if (getenv("NOTIFY_SOCKET")) {
                log_notice("SIGUSR2 is for a hub without systemd; systemctl restart keeps the port as well.");
                return 0;
        }
        count = hub_listeners(userdata, sockets);
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

int hot_restart_on_signal(sd_event *event, struct hub *h)
{
        return sd_event_add_signal(event, NULL, SIGUSR2 | SD_EVENT_SIGNAL_PROCMASK, on_signal, h);
}

bool hot_restart(char *argv[])
{
        char number[12], pid[12];

        if (count == 0)
                return false;
        for (unsigned i = 0; i < count; i++)
                (void) dup2(sockets[i], SD_LISTEN_FDS_START + (int) i); /* stays open over execv(2) */
        (void) snprintf(number, sizeof(number), "%u", count);
        (void) snprintf(pid, sizeof(pid), "%d", (int) getpid());
        setenv("LISTEN_FDS", number, 1);
        setenv("LISTEN_PID", pid, 1);
        execv(program, argv);
        log_error("%s could not be started again: %s. Start it by hand.", program, strerror(errno));
        return true;
}
