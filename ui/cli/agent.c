/* What stays behind after `visavis login`. */
#include "ui/cli/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/client/client.h"

/* A request is one bus name, the answer one byte. A peer that dawdles is not waited for; a command waits longer, since
 * the agent asks cryptod meanwhile. */
enum { NAME_SIZE_MAX = 255, PEER_TIMEOUT_SEC = 2, ASK_TIMEOUT_SEC = 30, GRANTED = 'y', REFUSED = 'n' };

struct agent {
        sd_bus *bus;
        char *path; /* the account's object */
        sd_event_source *source;
        struct sockaddr_un address;
        ino_t inode; /* the socket file that is ours */
};

static bool is_private_directory(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() && (st.st_mode & 077) == 0;
}

/* @parent/visavis, or /tmp/visavis-UID, made if need be. */
static int runtime_directory(char *out, size_t size)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        struct stat st;
        int n;

        if (runtime && *runtime == '/') {
                n = snprintf(out, size, "%s/visavis", runtime);
        } else {
                n = snprintf(out, size, "/run/user/%u", (unsigned) getuid());
                n = stat(out, &st) == 0 && st.st_uid == getuid()
                            ? snprintf(out, size, "/run/user/%u/visavis", (unsigned) getuid())
                            : snprintf(out, size, "/tmp/visavis-%u", (unsigned) getuid());
        }
        if (n < 0 || (size_t) n >= size)
                return -ENAMETOOLONG;
        if (mkdir(out, 0700) < 0 && errno != EEXIST)
                return -errno;
        return is_private_directory(out) ? 0 : -EPERM;
}

static int socket_address(const char *id, struct sockaddr_un *out)
{
        char directory[sizeof(out->sun_path)];
        int r = runtime_directory(directory, sizeof(directory)), n;

        if (r < 0)
                return r;
        *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
        /* Half of the id is plenty to tell one person's accounts apart, and keeps the path short. */
        n = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%.16s", directory, id);
        return n < (int) sizeof(out->sun_path) ? 0 : -ENAMETOOLONG;
}

static bool same_user(int peer)
{
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 && credentials.uid == getuid();
}

static int set_timeout(int fd, int seconds)
{
        struct timeval timeout = { .tv_sec = seconds };

        return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
                               setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0
                       ? -errno
                       : 0;
}

static int on_peer(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
        struct agent *a = userdata;
        _cleanup_close_ int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        char name[NAME_SIZE_MAX + 1];

        if (peer < 0 || !same_user(peer) || set_timeout(peer, PEER_TIMEOUT_SEC) < 0)
                return 0;
        ssize_t n = recv(peer, name, NAME_SIZE_MAX, 0);
        if (n <= 0)
                return 0;
        name[n] = '\0';
        char answer =
                sd_bus_call_method(a->bus, CRYPTO_SERVICE, a->path, CRYPTO_ACCOUNT, "Grant", NULL, NULL, "s", name) < 0
                        ? REFUSED
                        : GRANTED;
        (void) send(peer, &answer, 1, MSG_NOSIGNAL);
        return 0;
}

static int listen_at(const struct sockaddr_un *address, ino_t *inode)
{
        _cleanup_close_ int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st;

        if (listener < 0)
                return -errno;
        if (unlink(address->sun_path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(listener, (const struct sockaddr *) address, sizeof(*address)) < 0 || listen(listener, 16) < 0 ||
            lstat(address->sun_path, &st) < 0)
                return -errno;
        *inode = st.st_ino;
        return TAKE_FD(listener);
}

int agent_new(sd_bus *bus, const char *id, const char *path, struct agent **out)
{
        struct agent *a = calloc(1, sizeof(*a));
        _cleanup_close_ int listener = -1;
        int r;

        if (!a)
                return -ENOMEM;
        a->bus = sd_bus_ref(bus);
        a->path = strdup(path);
        r = a->path ? socket_address(id, &a->address) : -ENOMEM;
        if (r >= 0)
                r = listener = listen_at(&a->address, &a->inode);
        if (r >= 0)
                r = sd_event_add_io(sd_bus_get_event(bus), &a->source, listener, EPOLLIN, on_peer, a);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(a->source, true);
        if (r < 0) {
                agent_free(a);
                return r;
        }
        (void) TAKE_FD(listener);
        *out = a;
        return 0;
}

struct agent *agent_free(struct agent *a)
{
        struct stat st;

        if (!a)
                return NULL;
        sd_event_source_disable_unref(a->source);
        if (a->inode && lstat(a->address.sun_path, &st) == 0 && st.st_ino == a->inode)
                unlink(a->address.sun_path);
        sd_bus_unref(a->bus);
        free(a->path);
        free(a);
        return NULL;
}

int agent_ask_grant(sd_bus *bus, const char *id)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        struct sockaddr_un address;
        const char *name;
        char answer;

        if (fd < 0)
                return -errno;
        int r = socket_address(id, &address);
        if (r >= 0)
                r = sd_bus_get_unique_name(bus, &name);
        if (r >= 0)
                r = set_timeout(fd, ASK_TIMEOUT_SEC);
        if (r < 0)
                return r;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -ENOENT;
        if (!same_user(fd) || send(fd, name, strlen(name), MSG_NOSIGNAL) < 0 || recv(fd, &answer, 1, 0) != 1 ||
            answer != GRANTED)
                return -EACCES;
        return 0;
}
