/* See files_bench.h. The hub is the program itself in a process of its own; the client is the link that relayd uses, in
 * this one. Each chunk is on the hub's disk before it is acknowledged, and compared with its name when it comes back.
 *
 *     visavis-bench files [MIB [DIRECTORY]]     (400, /var/tmp) */
#include "bench/hub/files_bench.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "bench/hub/hub_process.h"
#include "bench/hub/report.h"
#include "bench/hub/tls_peer.h"
#include "bench/stopwatch.h"
#include "relayd/link/channel.h"
#include "relayd/link/chunk.h"
#include "relayd/link/link.h"
#include "services/cleanup.h"
#include "services/seal.h"

enum { AT_ONCE = CHUNK_PUTS_MAX, ROUNDS = 3 };

struct client {
        sd_event *event;
        struct link *link;
        bool up;
        uint8_t (*names)[CHUNK_NAME_SIZE];
        uint8_t *content; /* the file's start; each chunk of it has a number of its own in its first bytes */
        uint64_t count, asked, answered;
        enum frame_type type;
};

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        struct client *c = userdata;

        c->up = true;
}

static void on_down(struct link *l, void *userdata, const struct link_error *error)
{
        errx(1, "the link went down: %s", error->sentence);
}

static void on_entry(struct link *l, void *userdata, const struct entry *entry)
{
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
}

static void ask(struct client *c);

static void on_bulk_room(struct link *l, void *userdata)
{
        ask(userdata);
}

static const uint8_t *chunk_of(struct client *c, uint64_t number)
{
        memcpy(c->content, &number, sizeof(number));
        return c->content;
}

static void on_answered(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct client *c = userdata;
        uint8_t name[CHUNK_NAME_SIZE];
        struct bytes content;

        if (error)
                errx(1, "the hub refused: %s", error->sentence);
        /* Answers come in the order of asking. */
        if (c->type == FRAME_GET_CHUNK &&
            (read_chunk_content(answer, &content) < 0 || chunk_name_of(content, name) < 0 ||
             memcmp(name, c->names[c->answered], sizeof(name)) != 0))
                errx(1, "the hub delivered something else");
        c->answered++;
        ask(c);
}

static void ask(struct client *c)
{
        while (c->asked < c->count && c->asked - c->answered < AT_ONCE &&
               (c->type == FRAME_GET_CHUNK || link_has_bulk_room(c->link))) {
                _cleanup_writer_ struct writer body = WRITER_INIT;

                if (c->type == FRAME_GET_CHUNK) {
                        write_chunk_name(&body, c->names[c->asked]);
                } else {
                        struct chunk m = { .content = BYTES(chunk_of(c, c->asked), CHUNK_SIZE_MAX) };

                        memcpy(m.name, c->names[c->asked], sizeof(m.name));
                        write_chunk(&body, &m);
                }
                if (writer_finish(&body) < 0 || link_request(c->link, c->type, writer_bytes(&body), on_answered, c) < 0)
                        errx(1, "a request could not be sent");
                c->asked++;
        }
}

/* Seconds until all chunks are answered. */
static double run(struct client *c, enum frame_type type)
{
        uint64_t start = now_ns();

        c->type = type;
        c->asked = c->answered = 0;
        ask(c);
        while (c->answered < c->count)
                (void) sd_event_run(c->event, UINT64_MAX);
        return (double) (now_ns() - start) / 1e9;
}

static void connect_to(struct client *c, const struct hub_process *hub)
{
        static const struct link_handlers handlers = { on_up, on_down, on_entry, on_low, on_bulk_room };
        struct address address = { .name = "alice", .host = "127.0.0.1", .port = hub->port };
        struct secret *key = secret_random(32); /* the link's until the end */

        if (sd_event_new(&c->event) < 0 ||
            link_open(c->event,
                      &(struct link_parameters){ .address = &address, .transport_key = key, .registering = true },
                      &handlers, c, &c->link) < 0)
                errx(1, "no link");
        while (!c->up)
                (void) sd_event_run(c->event, UINT64_MAX);
}

static void make_file(struct client *c, uint64_t count)
{
        c->count = count;
        c->names = calloc(count, sizeof(*c->names));
        c->content = malloc(CHUNK_SIZE_MAX);
        if (!c->names || !c->content)
                errx(1, "out of memory");
        random_fill(c->content, CHUNK_SIZE_MAX);
}

/* Of chunks that the hub has not seen. */
static void name_chunks(struct client *c)
{
        random_fill(c->content + CHUNK_SIZE_MAX / 2, 32);
        for (uint64_t i = 0; i < c->count; i++) {
                if (chunk_name_of(BYTES(chunk_of(c, i), CHUNK_SIZE_MAX), c->names[i]) < 0)
                        errx(1, "out of memory");
        }
}

/* One of the ways that bytes take. */
struct way {
        double seconds;
        uint64_t cpu; /* of both sides, ns */
};

static struct way run_alone(struct client *c, const struct hub_process *hub)
{
        struct way w = { 0 };

        w.seconds = tls_peer(hub->directory, c->content, c->count * CHUNK_SIZE_MAX, &w.cpu);
        return w;
}

static struct way run_hub(struct client *c, const struct hub_process *hub, enum frame_type type)
{
        uint64_t before = process_cpu_ns(hub) + cpu_ns();
        struct way w = { .seconds = run(c, type) };

        w.cpu = process_cpu_ns(hub) + cpu_ns() - before;
        return w;
}

static void add(struct way *sum, struct way w)
{
        sum->seconds += w.seconds;
        sum->cpu += w.cpu;
}

static void report_way(struct report *r, const char *name, const struct way *w, const struct way *alone, double mib)
{
        report_section(r, "%s", name);
        report_figure(r, "rate", mib / w->seconds, "MiB/s", 0);
        report_figure(r, "processor time of both sides, a MiB", (double) w->cpu / 1e3 / mib, "µs", 0);
        if (w == alone)
                return;
        report_figure(r, "rate, as a part of TLS alone", alone->seconds / w->seconds, "×", 0.6);
        report_figure(r, "what TLS alone costs, as a part of what this costs", (double) alone->cpu / (double) w->cpu,
                      "×", 0.6);
}

int files_bench(int argc, char *argv[])
{
        const char *below = argc > 2 ? argv[2] : "/var/tmp";
        double mib = argc > 1 ? atof(argv[1]) : 400;
        struct way alone = { 0 }, up = { 0 }, down = { 0 };
        struct report *r = report_new(false);
        struct hub_process hub = { 0 };
        struct client c = { 0 };

        channel_keep_buffers(); /* as relayd does */
        if (mib < 1 || asprintf(&hub.directory, "%s/visavis-bench-XXXXXX", below) < 0 || !mkdtemp(hub.directory))
                err(1, "%s", below);
        make_file(&c, (uint64_t) (mib * 4));
        hub_process_start(&hub, VISAVIS_HUB);
        connect_to(&c, &hub);
        for (unsigned i = 0; i < ROUNDS; i++) { /* in turn, so that all have the same share of a busy machine */
                name_chunks(&c);
                add(&alone, run_alone(&c, &hub));
                add(&up, run_hub(&c, &hub, FRAME_PUT_CHUNK));
                add(&down, run_hub(&c, &hub, FRAME_GET_CHUNK));
        }
        report_section(r, "%d files of %.0f MiB over loopback, %d chunks of 256 KiB under way", ROUNDS, mib, AT_ONCE);
        report_figure(r, "fdatasync of 4 KiB", fdatasync_ms(hub.directory), "ms", 0);
        report_way(r, "TLS 1.3 alone, memory to memory", &alone, &alone, ROUNDS * mib);
        report_way(r, "To the hub and its disk", &up, &alone, ROUNDS * mib);
        report_way(r, "From the hub, compared with the names", &down, &alone, ROUNDS * mib);
        report_section(r, "Both ways");
        report_figure(r, "rate, as a part of TLS alone", 2 * alone.seconds / (up.seconds + down.seconds), "×", 0.6);
        link_free(c.link);
        hub_process_kill(&hub);
        remove_directory(hub.directory);
        report_free(r);
        return 0;
}
