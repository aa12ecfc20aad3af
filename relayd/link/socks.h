/* SOCKS5, the client's side (RFC 1928; user name and password as in RFC 1929), for links that go through Tor or another
 * proxy.
 *
 *     CONNECTING ─▶ METHOD ─▶ [USER] ─▶ REPLY ─▶ BOUND ─▶ done
 *
 * The hub's host is handed to the proxy as a name. A user name makes Tor take another circuit for another user
 * (IsolateSOCKSAuth); a proxy that asks for none is used without one. */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

/* There is no way around a proxy: without it there is no link. */
struct socks_proxy {
        char host[254]; /* empty: none */
        uint16_t port;
        char user[256];
};

/* Takes "socks5://host:port" apart, or "" for none. @user: at most 255 characters. -EINVAL. */
int socks_proxy_parse(const char *text, const char *user, struct socks_proxy *out);

struct socks;

/* @fd: the connection through the proxy, the callee's; or -1 and @sentence says what went wrong. */
typedef void (*socks_done)(void *userdata, int fd, const char *sentence);

/* Takes over the non-blocking socket @fd, whose connect(2) to the proxy is under way, also on error. @host (at most 253
 * characters) may be a numeric address; @user has at most 255. @done is called once, from the loop; the owner then
 * calls socks_free(). -ENOMEM. There is no time-out: the owner has one. */
int socks_connect(sd_event *event, int fd, const char *host, uint16_t port, const char *user, socks_done done,
                  void *userdata, struct socks **out);

/* Ends it, without done(). Returns NULL. */
struct socks *socks_free(struct socks *s);
