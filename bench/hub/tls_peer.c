/* See tls_peer.h. */
#include "bench/hub/tls_peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/stopwatch.h"
#include "relayd/hub/identity.h"
#include "relayd/link/chunk.h"
#include "relayd/link/tls.h"
#include "services/cleanup.h"

static void must(bool good, const char *what)
{
        if (!good)
                errx(1, "the peer for TLS alone does not work: %s", what);
}

/* Reads until the end, and says how it went with one byte. */
static void swallow(int listening, const char *directory, uint64_t bytes)
{
        static uint8_t buffer[CHUNK_SIZE_MAX];
        _cleanup_free_ char *path = NULL;
        struct identity identity;
        SSL_CTX *context;
        SSL *ssl;
        int fd = accept(listening, NULL, NULL);

        must(fd >= 0 && asprintf(&path, "%s/peer.key", directory) > 0, "accept");
        must(identity_open(path, &identity) >= 0 &&
                     tls_hub_context(identity.key, identity.certificate, &context) >= 0 &&
                     tls_new(context, fd, NULL, &ssl) >= 0 && SSL_accept(ssl) == 1,
             "accepting");
        while (bytes > 0) {
                int n = SSL_read(ssl, buffer, sizeof(buffer));

                must(n > 0, "reading");
                bytes -= (uint64_t) n;
        }
        must(SSL_write(ssl, "k", 1) == 1, "answering");
        _exit(0);
}

double tls_peer(const char *directory, const uint8_t *chunk, uint64_t bytes, uint64_t *cpu)
{
        struct rusage other;
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(in);
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
        struct tls_pin pin = { 0 };
        SSL_CTX *context;
        char byte;
        SSL *ssl;

        must(bind(listening, (struct sockaddr *) &in, sizeof(in)) == 0 && listen(listening, 1) == 0 &&
                     getsockname(listening, (struct sockaddr *) &in, &size) == 0,
             "listening");
        pid_t pid = fork();

        if (pid == 0)
                swallow(listening, directory, bytes);
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        must(connect(fd, (struct sockaddr *) &in, sizeof(in)) == 0 && tls_client_context(&context) >= 0 &&
                     tls_new(context, fd, &pin, &ssl) >= 0 && SSL_connect(ssl) == 1,
             "connecting");
        uint64_t start = now_ns(), own = cpu_ns();

        for (uint64_t done = 0; done < bytes; done += CHUNK_SIZE_MAX) {
                for (size_t at = 0; at < CHUNK_SIZE_MAX;) {
                        int n = SSL_write(ssl, chunk + at, (int) (CHUNK_SIZE_MAX - at));

                        must(n > 0, "writing");
                        at += (size_t) n;
                }
        }
        must(SSL_read(ssl, &byte, 1) == 1, "the answer");
        double seconds = (double) (now_ns() - start) / 1e9;

        SSL_free(ssl);
        SSL_CTX_free(context);
        close(fd);
        close(listening);
        must(wait4(pid, NULL, 0, &other) == pid, "its end");
        *cpu += cpu_ns() - own;
        *cpu += (uint64_t) (other.ru_utime.tv_sec + other.ru_stime.tv_sec) * 1000000000 +
                (uint64_t) (other.ru_utime.tv_usec + other.ru_stime.tv_usec) * 1000;
        return seconds;
}
