/* visavis-actor: plays a person before authd's camera, which is a named pipe of raw BGR frames.
 *
 * Prompts come line by line on stdin. Frames flow while somebody reads the pipe; when the reader goes away, the next
 * one is waited for and starts at the beginning of a frame. Nothing blocks, so SIGTERM ends it at once, as it ends any
 * program that does not ask otherwise: there is nothing to put away. A test tool; no daemon is linked with it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "authd/models.h"
#include "film.h"

static const char usage[] =
        "Usage: visavis-actor --photo FILE --output PIPE --models DIRECTORY\n"
        "                     [--face NUMBER] [--size WIDTHxHEIGHT] [--fps RATE] [--still]\n"
        "Writes what a camera would see of the person into the named pipe PIPE, as raw BGR frames.\n"
        "Reads prompts from stdin, one a line: those of im.visavis.Auth1.Attempt.\n"
        "  --face NUMBER  which of the people, counted by size: 1 is the largest face\n"
        "       visavis-actor --photo FILE --record VIDEO --models DIRECTORY [--prompts LIST] …\n"
        "Writes a film of it instead: two seconds for each prompt of LIST, which has commas between them.\n"
        "  --still        a photograph that is held up: it moves as a whole, the face does not\n";

struct stage {
        const char *output;
        int camera;    /* the pipe, or -1 while nobody reads it */
        bool prompted; /* stdin is still open */
        char line[64]; /* what of a prompt has come */
        size_t filled;
};

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Takes what has come on stdin; whole lines are prompts. */
static void read_prompts(struct stage *s, struct actor *actor)
{
        char buffer[256];
        ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));

        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                s->prompted = false;
        for (ssize_t i = 0; i < n; i++) {
                if (buffer[i] != '\n') {
                        if (s->filled < sizeof(s->line) - 1)
                                s->line[s->filled++] = buffer[i];
                        continue;
                }
                s->line[s->filled] = '\0';
                s->filled = 0;
                actor_prompt(actor, s->line, now());
        }
}

/* Sleeps until @deadline, or less: until the pipe can be written if @writing, or has lost its reader. Prompts are
 * taken meanwhile. True if the pipe is worth a look. */
static bool rest(struct stage *s, struct actor *actor, double deadline, bool writing)
{
        struct pollfd fds[] = {
                { .fd = s->prompted ? STDIN_FILENO : -1, .events = POLLIN },
                { .fd = s->camera, .events = writing ? POLLOUT : 0 },
        };
        double left = deadline - now();

        if (poll(fds, 2, left > 0 ? (int) (left * 1000) + 1 : 0) <= 0)
                return false;
        if (fds[0].revents)
                read_prompts(s, actor);
        return fds[1].revents;
}

static void lose_reader(struct stage *s)
{
        close(s->camera);
        s->camera = -1;
}

/* Writes all of @frame, as fast as the reader takes it. */
static void show(struct stage *s, struct actor *actor, const struct frame *frame)
{
        size_t done = 0;

        while (done < frame_size(frame) && s->camera >= 0) {
                ssize_t n = write(s->camera, frame->pixels + done, frame_size(frame) - done);

                if (n >= 0)
                        done += (size_t) n;
                else if (errno == EAGAIN)
                        rest(s, actor, now() + 1, true);
                else if (errno != EINTR)
                        lose_reader(s);
        }
}

static int play(struct stage *s, struct actor *actor, double interval)
{
        _cleanup_frame_ struct frame frame = { 0 };
        double next = now();

        for (;;) {
                if (s->camera < 0) {
                        s->camera = open(s->output, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
                        if (s->camera < 0 && errno != ENXIO && errno != EINTR)
                                return -errno;
                }
                if (s->camera >= 0) {
                        int r = actor_frame(actor, now(), &frame);

                        if (r < 0)
                                return r;
                        show(s, actor, &frame);
                }
                for (next += interval; now() < next;)
                        if (rest(s, actor, next, false) && s->camera >= 0)
                                lose_reader(s);
                if (now() > next + interval)
                        next = now(); /* a slow reader is not made up for */
        }
}

static int complain(const char *what, int error)
{
        fprintf(stderr, "visavis-actor: %s: %s\n", what, strerror(-error));
        return EXIT_FAILURE;
}

static int load(const char *directory, const struct role *role, struct actor **out)
{
        _cleanup_models_ struct models models = { 0 };
        _cleanup_vision_ struct vision *vision = NULL;

        int r = models_load_engine(directory, ENGINE_DEEP, &models);
        if (r == 0)
                r = vision_new(&models, &vision);
        return r == 0 ? actor_new(vision, role, out) : r;
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                { "photo", required_argument, NULL, 'p' },   { "face", required_argument, NULL, 'f' },
                { "output", required_argument, NULL, 'o' },  { "size", required_argument, NULL, 's' },
                { "models", required_argument, NULL, 'm' },  { "fps", required_argument, NULL, 'r' },
                { "still", no_argument, NULL, 'h' },         { "record", required_argument, NULL, 'c' },
                { "prompts", required_argument, NULL, 'l' }, { NULL, 0, NULL, 0 },
        };
        struct role role = { .face = 1, .width = 640, .height = 480 };
        struct stage stage = { .camera = -1, .prompted = true };
        const char *models = NULL, *record = NULL, *prompts = "look-straight";
        struct actor *actor = NULL;
        double rate = 15;
        bool good = true;

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                switch (c) {
                case 'p':
                        role.photo = optarg;
                        break;
                case 'f':
                        good = good && sscanf(optarg, "%u", &role.face) == 1;
                        break;
                case 'o':
                        stage.output = optarg;
                        break;
                case 's':
                        good = good && sscanf(optarg, "%ux%u", &role.width, &role.height) == 2 &&
                               role.width >= FRAME_SIDE_MIN && role.width <= FRAME_SIDE_MAX &&
                               role.height >= FRAME_SIDE_MIN && role.height <= FRAME_SIDE_MAX;
                        break;
                case 'm':
                        models = optarg;
                        break;
                case 'r':
                        good = good && sscanf(optarg, "%lf", &rate) == 1 && rate >= 1 && rate <= 120;
                        break;
                case 'h':
                        role.still = true;
                        break;
                case 'c':
                        record = optarg;
                        break;
                case 'l':
                        prompts = optarg;
                        break;
                default:
                        good = false;
                }
        }
        if (!good || optind != argc || !role.photo || !stage.output == !record || !models) {
                fputs(usage, stderr);
                return 2;
        }

        signal(SIGPIPE, SIG_IGN);
        if (getrandom(&role.seed, sizeof(role.seed), 0) != sizeof(role.seed))
                return complain("getrandom", -errno);
        int r = load(models, &role, &actor);
        if (r < 0)
                return complain(role.photo, r);
        if (record) {
                r = film_write(actor, prompts, 2, rate, record);
                actor_free(actor);
                return r < 0 ? complain(record, r) : EXIT_SUCCESS;
        }
        puts("ready"); /* for whoever waits for it before the camera is used */
        fflush(stdout);
        r = play(&stage, actor, 1 / rate);
        actor_free(actor);
        return complain(stage.output, r);
}
