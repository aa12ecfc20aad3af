/* See socks.h. */
#include "socks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "services/address.h"
#include "services/bytes.h"
#include "services/cleanup.h"

enum socks_state { SOCKS_CONNECTING, SOCKS_METHOD, SOCKS_USER, SOCKS_REPLY, SOCKS_BOUND };

enum {
        PORT = 1080,
        VERSION = 5,
        METHOD_NONE = 0,
        METHOD_USER = 2,
        USER_VERSION = 1,
        CONNECT = 1,
        ADDRESS_IPV4 = 1,
        ADDRESS_NAME = 3,
        ADDRESS_IPV6 = 4,
        ANSWER_MAX = 256 + 2, /* what follows a reply's first bytes: a name and a port */
};

struct socks {
        enum socks_state state;
        int fd;
        sd_event_source *io;
        char host[254], user[256];
        uint16_t port;
        struct writer output;
        size_t written;
        uint8_t answer[ANSWER_MAX];
        size_t got, wanted;
        socks_done done;
        void *userdata;
};

int socks_proxy_parse(const char *text, const char *user, struct socks_proxy *out)
{
        static const char scheme[] = "socks5://";
        const char *rest = text + sizeof(scheme) - 1;
        struct address a;

        *out = (struct socks_proxy){ 0 };
        if (text[0] == '\0')
                return 0;
        if (strncmp(text, scheme, sizeof(scheme) - 1) != 0 || address_parse_hub(rest, &a, NULL) < 0 || a.has_key)
                return -EINVAL;
        if (!strstr(rest, strrchr(rest, ']') ? "]:" : ":"))
                a.port = PORT;
        (void) snprintf(out->host, sizeof(out->host), "%s", a.host);
        out->port = a.port;
        (void) snprintf(out->user, sizeof(out->user), "%s", user);
        return 0;
}

static void finish(struct socks *s, const char *sentence)
{
        s->io = sd_event_source_disable_unref(s->io);
        s->done(s->userdata, sentence ? -1 : TAKE_FD(s->fd), sentence);
}

/* The proxy's answer to what is in the output will have @wanted bytes. */
static void expect(struct socks *s, enum socks_state state, size_t wanted)
{
        s->state = state;
        s->got = 0;
        s->wanted = wanted;
}

static void say_methods(struct socks *s)
{
        write_fixed(&s->output, BYTES(((uint8_t[]){ VERSION, 2, METHOD_USER, METHOD_NONE }), 4));
        expect(s, SOCKS_METHOD, 2);
}

static void say_user(struct socks *s)
{
        struct bytes user = BYTES_STRING(s->user);

        write_u8(&s->output, USER_VERSION);
        write_u8(&s->output, (uint8_t) user.size);
        write_fixed(&s->output, user);
        write_fixed(&s->output, BYTES("\1-", 2)); /* a password has at least one character */
        expect(s, SOCKS_USER, 2);
}

static void say_connect(struct socks *s)
{
        struct in_addr in;
        struct in6_addr in6;
        struct bytes host = BYTES_STRING(s->host);

        write_fixed(&s->output, BYTES(((uint8_t[]){ VERSION, CONNECT, 0 }), 3));
        if (inet_pton(AF_INET, s->host, &in) == 1) {
                write_u8(&s->output, ADDRESS_IPV4);
                write_fixed(&s->output, BYTES(&in, sizeof(in)));
        } else if (inet_pton(AF_INET6, s->host, &in6) == 1) {
                write_u8(&s->output, ADDRESS_IPV6);
                write_fixed(&s->output, BYTES(&in6, sizeof(in6)));
        } else {
                write_u8(&s->output, ADDRESS_NAME);
                write_u8(&s->output, (uint8_t) host.size);
                write_fixed(&s->output, host);
        }
        write_u16(&s->output, s->port);
        expect(s, SOCKS_REPLY, 5); /* up to the first byte of the address, which is a name's length */
}

/* RFC 1928 §6. */
static const char *reply_text(uint8_t code)
{
        static const char *const texts[] = {
                [1] = "The proxy failed.",
                [2] = "The proxy does not allow a connection to the hub; see its settings.",
                [3] = "The proxy finds no way to the hub's network.",
                [4] = "The proxy cannot reach the hub.",
                [5] = "The hub refused the proxy's connection.",
                [6] = "The hub did not answer the proxy in time.",
                [7] = "The proxy makes no connections of this kind.",
                [8] = "The proxy does not take this kind of address.",
        };

        return code < COUNT_OF(texts) && texts[code] ? texts[code] : "The proxy failed for an unknown reason.";
}

/* A whole answer has come. Returns NULL, or why this is the end. */
static const char *advance(struct socks *s)
{
        const uint8_t *a = s->answer;

        if (a[0] != (s->state == SOCKS_USER ? USER_VERSION : VERSION))
                return "What listens at the proxy's address does not speak SOCKS5; check the address.";
        if (s->state == SOCKS_METHOD) {
                if (a[1] == METHOD_USER)
                        say_user(s);
                else if (a[1] == METHOD_NONE)
                        say_connect(s);
                else
                        return "The proxy wants a log-in of another kind.";
        } else if (s->state == SOCKS_USER) {
                if (a[1] != 0)
                        return "The proxy does not take our user name; it must allow any.";
                say_connect(s);
        } else {
                if (a[1] != 0)
                        return reply_text(a[1]);
                size_t address = a[3] == ADDRESS_IPV4   ? 4
                                 : a[3] == ADDRESS_IPV6 ? 16
                                 : a[3] == ADDRESS_NAME ? a[4] + 1U
                                                        : 0;

                if (address == 0)
                        return "The proxy's answer is malformed.";
                expect(s, SOCKS_BOUND, address - 1 + 2);
        }
        return writer_finish(&s->output) < 0 ? "There is not enough memory for a link." : NULL;
}

/* Sends what is queued, then reads not a byte more than the answer. Returns 1 when an answer is whole, 0 if the socket
 * has to be waited for, or a negative errno. */
static int exchange(struct socks *s)
{
        while (s->written < s->output.size) {
                ssize_t n = send(s->fd, s->output.data + s->written, s->output.size - s->written, MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                s->written += (size_t) n;
        }
        while (s->got < s->wanted) {
                ssize_t n = recv(s->fd, s->answer + s->got, s->wanted - s->got, 0);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -ECONNRESET;
                s->got += (size_t) n;
        }
        writer_release(&s->output);
        s->written = 0;
        return 1;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct socks *s = userdata;
        const char *sentence = NULL;
        char text[160];
        int r, error = 0;

        if (s->state == SOCKS_CONNECTING) {
                (void) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
                if (error != 0) {
                        (void) snprintf(text, sizeof(text), "No connection to the proxy: %s.", strerror(error));
                        finish(s, text);
                        return 0;
                }
                say_methods(s);
        }
        while ((r = exchange(s)) == 1) {
                if (s->state == SOCKS_BOUND) {
                        finish(s, NULL);
                        return 0;
                }
                if ((sentence = advance(s))) {
                        finish(s, sentence);
                        return 0;
                }
        }
        if (r < 0) {
                (void) snprintf(text, sizeof(text), "The connection to the proxy broke: %s.", strerror(-r));
                finish(s, text);
        } else {
                (void) sd_event_source_set_io_events(s->io, s->written < s->output.size ? EPOLLOUT : EPOLLIN);
        }
        return 0;
}

int socks_connect(sd_event *event, int fd, const char *host, uint16_t port, const char *user, socks_done done,
                  void *userdata, struct socks **out)
{
        struct socks *s = calloc(1, sizeof(*s));

        if (!s) {
                close(fd);
                return -ENOMEM;
        }
        *s = (struct socks){ .fd = fd, .port = port, .done = done, .userdata = userdata };
        (void) snprintf(s->host, sizeof(s->host), "%s", host);
        (void) snprintf(s->user, sizeof(s->user), "%s", user[0] != '\0' ? user : "visavis");
        int r = sd_event_add_io(event, &s->io, fd, EPOLLOUT, on_io, s);

        if (r < 0) {
                socks_free(s);
                return r;
        }
        *out = s;
        return 0;
}

struct socks *socks_free(struct socks *s)
{
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->io);
        if (s->fd >= 0)
                close(s->fd);
        writer_release(&s->output);
        free(s);
        return NULL;
}
