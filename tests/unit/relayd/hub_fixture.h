/* A hub on loopback and people with links to it, for the tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "relayd/hub/hub.h"
#include "relayd/hub/identity.h"
#include "relayd/link/link.h"

/* Of hubs that are opened from now on. */
extern struct hub_settings fixture_settings;

/* A hub in this process, on a port that the kernel chose and that stays the same when the hub is opened again. */
struct server {
        char *directory;
        uint16_t port;
        struct identity identity;
        struct store *store;
        SSL_CTX *context;
        struct hub *hub;
};

struct fixture {
        sd_event *event;
        struct server server;
        struct address address;
};

/* A person's side, which notes all that happens to it. */
struct client {
        sd_event *event;
        struct secret *key;
        struct link *link;
        bool up, down;
        struct link_up state;
        enum link_failure failure;
        uint16_t code;
        char seen[1 << 16]; /* "1=text 2=text " */
        unsigned entries, answered;
        uint64_t last;
        uint32_t low;
        void (*on_entry)(struct client *c, const struct entry *e); /* instead of noting it in @seen; may be NULL */
};

struct answer {
        bool done, failed;
        enum link_failure failure;
        uint16_t code;
        uint64_t value;
        char subject[WIRE_SUBJECT_MAX + 1];
        uint8_t body[256];
        size_t size;
};

#define _cleanup_client_ __attribute__((cleanup(client_release)))

/* Runs the loop until the condition holds; a test that waits for ten seconds has failed. */
#define UNTIL(event, condition)                                                                                        \
        do {                                                                                                           \
                uint64_t start_, now_;                                                                                 \
                sd_event_now(event, CLOCK_MONOTONIC, &start_);                                                         \
                while (!(condition)) {                                                                                 \
                        assert_true(sd_event_run(event, 100000) >= 0);                                                 \
                        sd_event_now(event, CLOCK_MONOTONIC, &now_);                                                   \
                        if (now_ - start_ > 10000000)                                                                  \
                                fail_msg("never came true: %s", #condition);                                           \
                }                                                                                                      \
        } while (0)

int server_open(struct server *s, sd_event *event);
void server_close(struct server *s);
int setup(void **state);
int teardown(void **state);
void client_start(struct client *c, sd_event *event, const struct address *hub, const char *name, bool registering);
void client_end(struct client *c);
void client_release(struct client *c);
void client_up(struct client *c, sd_event *event, const struct address *hub, const char *name, bool registering);
void on_answer(void *userdata, const struct link_error *error, struct bytes answer);
struct answer ask(struct client *c, enum frame_type type, const struct writer *body);
void write_message(struct writer *w, uint64_t id, const char *to, struct bytes payload, int64_t epoch);
struct answer say(struct client *c, uint64_t id, const char *to, const char *text);
void fetch_after(struct client *c, uint64_t after, uint32_t window);
void acknowledge(struct client *c, uint64_t sequence);
/* A hub in a process of its own. Returns its pid. */
pid_t fork_server(struct server *s);
