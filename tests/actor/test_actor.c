/* The actor is worth testing with: the networks see it turn its head and blink, as the prompts say, and still know who
 * it is; of a photograph that is held up they see neither. Needs the networks (VISAVIS_MODELS), the photographs
 * (VISAVIS_PHOTOS), and the program's path as the argument. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "actor.h"
#include "authd/models.h"
#include "services/cleanup.h"

enum { WIDTH = 640, HEIGHT = 480, RATE = 15 };

#define SETTLED 1.5 /* when a turn has ended */

static const char *program;
static struct vision *vision;

/* The people of the other tests: alice, she again from another photograph, and two others. */
static const struct {
        const char *photo;
        unsigned face;
} people[] = { { "sample1.jpg", 1 }, { "sample3.jpg", 1 }, { "sample4.jpg", 1 }, { "sample5.jpg", 1 } };
enum { ALICE, ALICE_AGAIN, BOB, STRANGER, PEOPLE };

static int load(void **state)
{
        _cleanup_models_ struct models models = { 0 };

        return models_load_engine(getenv("VISAVIS_MODELS"), ENGINE_DEEP, &models) < 0 ? -1
                                                                                      : vision_new(&models, &vision);
}

static int unload(void **state)
{
        vision = vision_free(vision);
        return 0;
}

static char *photo_path(unsigned who)
{
        char *path = NULL;

        assert_true(asprintf(&path, "%s/%s", getenv("VISAVIS_PHOTOS"), people[who].photo) > 0);
        return path;
}

static struct actor *cast(unsigned who, bool still)
{
        _cleanup_free_ char *path = photo_path(who);
        struct role role = { path, people[who].face, WIDTH, HEIGHT, still, 7 };
        struct actor *actor = NULL;

        assert_int_equal(actor_new(vision, &role, &actor), 0);
        return actor;
}

static void look(struct actor *actor, double now, unsigned wanted, struct observation *out)
{
        _cleanup_frame_ struct frame frame = { 0 };

        assert_int_equal(actor_frame(actor, now, &frame), 0);
        assert_int_equal(frame.width, WIDTH);
        assert_int_equal(frame.height, HEIGHT);
        assert_int_equal(vision_observe(vision, &frame, OBSERVE_LANDMARKS | wanted, out), 0);
        assert_in_range(out->faces, 1, 2); /* the detector sees a face before long hair twice at times */
}

/* From -1 to 1: how much nearer the nose's tip is to the eye that is right in the picture than to the left one. */
static double asymmetry(const struct observation *o)
{
        const struct point *left = &o->landmark[36], *right = &o->landmark[45], *nose = &o->landmark[30];

        return (2 * nose->x - left->x - right->x) / (right->x - left->x);
}

/* Log-odds of open eyes, both together: some people of the photographs narrow one of theirs. */
static double openness(const struct observation *o)
{
        double sum = 0;

        for (int i = 0; i < 2; i++) {
                double p = fmin(fmax(o->eye_open[i], 1e-9), 1 - 1e-9);

                sum += log(p / (1 - p)) / 2;
        }
        return sum;
}

static void a_person_sits_before_the_camera(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                struct actor *actor = cast(who, false);
                struct observation seen;

                for (double now = 0; now < 1; now += 0.25) {
                        look(actor, now, OBSERVE_POSE | OBSERVE_EYES, &seen);
                        assert_true(seen.box.height > 0.33 && seen.box.height < 0.50);
                        assert_true(fabs(seen.yaw) < 12);
                        assert_true(fabs(asymmetry(&seen)) < 0.15);
                        assert_true(openness(&seen) > 0);
                }
                actor_free(actor);
        }
}

static void a_person_is_never_quite_still(void **state)
{
        struct actor *actor = cast(ALICE, false);
        _cleanup_frame_ struct frame first = { 0 }, second = { 0 };

        assert_int_equal(actor_frame(actor, 0, &first), 0);
        assert_int_equal(actor_frame(actor, 1.0 / RATE, &second), 0);
        assert_memory_not_equal(first.pixels, second.pixels, frame_size(&first));
        actor_free(actor);
}

static void the_same_person_of_two_photographs_matches(void **state)
{
        struct observation seen[PEOPLE];

        for (unsigned who = 0; who < PEOPLE; who++) {
                struct actor *actor = cast(who, false);

                look(actor, 0, OBSERVE_EMBEDDING, &seen[who]);
                actor_free(actor);
                for (unsigned i = 0; i < who; i++) {
                        double cosine = embedding_cosine(seen[i].embedding, seen[who].embedding);

                        print_message("# actors %u and %u: cosine %.2f\n", i, who, cosine);
                        if (i == ALICE && who == ALICE_AGAIN)
                                assert_true(cosine > 0.5);
                        else
                                assert_true(cosine < 0.35);
                }
        }
}

/* The person's left is where the nose goes right in the picture. */
static void a_prompted_head_turns_and_comes_back(void **state)
{
        static const struct {
                const char *prompt;
                int direction;
        } turns[] = { { "turn-left", 1 }, { "turn-right", -1 } };

        for (unsigned who = 0; who < PEOPLE; who++) {
                for (unsigned i = 0; i < 2; i++) {
                        struct actor *actor = cast(who, false);
                        struct observation before, turned, after;

                        look(actor, 0, OBSERVE_POSE | OBSERVE_EMBEDDING, &before);
                        actor_prompt(actor, turns[i].prompt, 0);
                        look(actor, SETTLED, OBSERVE_POSE | OBSERVE_EMBEDDING, &turned);
                        actor_prompt(actor, "look-straight", SETTLED);
                        look(actor, 2 * SETTLED, OBSERVE_POSE | OBSERVE_EMBEDDING, &after);
                        double yaw = turns[i].direction * (turned.yaw - before.yaw);
                        double nose = turns[i].direction * (asymmetry(&turned) - asymmetry(&before));
                        double cosine = embedding_cosine(before.embedding, turned.embedding);

                        print_message("# actor %u, %s: yaw by %.0f, asymmetry by %.2f, cosine %.2f\n", who,
                                      turns[i].prompt, yaw, nose, cosine);
                        assert_true(yaw > 12 && yaw < 40);
                        assert_true(nose > 0.25);
                        assert_true(cosine > 0.55);
                        assert_true(fabs(after.yaw - before.yaw) < 6);
                        assert_true(embedding_cosine(before.embedding, after.embedding) > 0.95);
                        actor_free(actor);
                }
        }
}

static void a_prompted_head_is_raised_and_lowered(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                struct actor *actor = cast(who, false);
                struct observation before, up, down;

                look(actor, 0, OBSERVE_POSE | OBSERVE_EMBEDDING, &before);
                actor_prompt(actor, "look-up", 0);
                look(actor, SETTLED, OBSERVE_POSE | OBSERVE_EMBEDDING, &up);
                actor_prompt(actor, "look-down", SETTLED);
                look(actor, 2 * SETTLED, OBSERVE_POSE | OBSERVE_EMBEDDING, &down);
                print_message("# actor %u: pitch by %.0f and %.0f\n", who, up.pitch - before.pitch,
                              down.pitch - before.pitch);
                assert_true(up.pitch - before.pitch > 8);
                assert_true(before.pitch - down.pitch > 5);
                assert_true(fabs(up.yaw - before.yaw) < 12 && fabs(down.yaw - before.yaw) < 12);
                assert_true(embedding_cosine(before.embedding, up.embedding) > 0.5);
                assert_true(embedding_cosine(before.embedding, down.embedding) > 0.5);
                actor_free(actor);
        }
}

static void prompted_eyes_shut_for_a_moment(void **state)
{
        for (unsigned who = 0; who < PEOPLE; who++) {
                struct actor *actor = cast(who, false);
                struct observation seen;
                unsigned shut = 0, frames = 0;

                look(actor, 0, OBSERVE_EYES, &seen);
                const double before = openness(&seen);
                double after = 0;
                actor_prompt(actor, "blink", 0);
                for (double now = 0; now < SETTLED; now += 1.0 / RATE, frames++) {
                        look(actor, now, OBSERVE_EYES, &seen);
                        after = openness(&seen);
                        shut += after < before - 5 && after < 0;
                }
                print_message("# actor %u: eyes shut in %u of %u frames\n", who, shut, frames);
                assert_in_range(shut, 2, 6);
                assert_true(after > before - 3);
                actor_free(actor);
        }
}

static void a_held_up_photograph_neither_turns_its_head_nor_blinks(void **state)
{
        static const char *const prompts[] = { "look-straight", "turn-left", "turn-right", "blink" };

        for (unsigned who = 0; who < PEOPLE; who++) {
                struct actor *actor = cast(who, true);
                struct observation before, seen;
                double now = 0, yaw = 0, nose = 0, eyes = 0;
                unsigned twice = 0;

                look(actor, now, OBSERVE_POSE | OBSERVE_EYES, &before);
                for (unsigned i = 0; i < 4; i++) {
                        actor_prompt(actor, prompts[i], now);
                        for (double end = now + SETTLED; now < end; now += 3.0 / RATE) {
                                look(actor, now, OBSERVE_POSE | OBSERVE_EYES, &seen);
                                if (seen.faces == 1)
                                        eyes = fmax(eyes, openness(&before) - openness(&seen));
                                else
                                        twice++;
                                yaw = fmax(yaw, fabs(seen.yaw - before.yaw));
                                nose = fmax(nose, fabs(asymmetry(&seen) - asymmetry(&before)));
                        }
                }
                print_message("# photograph %u: yaw by at most %.0f, asymmetry by %.2f, eyes by %.1f\n", who, yaw, nose,
                              eyes);
                assert_true(yaw < 10);
                assert_true(nose < 0.15);
                assert_true(eyes < 5);
                assert_true(twice < 4); /* then the larger box need not be the face, and its eyes are none */
                actor_free(actor);
        }
}

static void a_face_that_is_not_there_is_refused(void **state)
{
        _cleanup_free_ char *path = NULL;
        struct actor *actor = NULL;

        path = photo_path(ALICE);
        assert_int_equal(actor_new(vision, &(struct role){ path, 4, WIDTH, HEIGHT, false, 7 }, &actor), -ENOENT);
        assert_int_equal(actor_new(vision, &(struct role){ "/dev/null", 1, WIDTH, HEIGHT, false, 7 }, &actor),
                         -EBADMSG);
}

/* Starts the program with alice; her prompts are written to @out_prompts. */
static pid_t start(const char *camera, int *out_prompts)
{
        _cleanup_free_ char *photo = photo_path(ALICE);
        int fds[2];

        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL); /* however this test ends */
                dup2(fds[0], STDIN_FILENO);
                dup2(STDERR_FILENO, STDOUT_FILENO); /* what it says is no line of this test's report */
                close(fds[0]);
                close(fds[1]);
                execl(program, program, "--photo", photo, "--face", "1", "--output", camera, "--size", "640x480",
                      "--models", getenv("VISAVIS_MODELS"), NULL);
                _exit(127);
        }
        assert_true(pid > 0);
        close(fds[0]);
        *out_prompts = fds[1];
        return pid;
}

/* Reads a frame as a camera's user does and looks at it. */
static void receive(int camera, struct observation *out)
{
        _cleanup_frame_ struct frame frame = { 0 };
        size_t done = 0;

        assert_int_equal(frame_resize(&frame, WIDTH, HEIGHT), 0);
        while (done < frame_size(&frame)) {
                ssize_t n = read(camera, frame.pixels + done, frame_size(&frame) - done);

                assert_true(n > 0);
                done += (size_t) n;
        }
        assert_int_equal(vision_observe(vision, &frame, OBSERVE_LANDMARKS, out), 0);
        assert_int_equal(out->faces, 1);
}

static void the_program_plays_for_whoever_reads_the_pipe(void **state)
{
        char directory[] = "/tmp/visavis-actor-XXXXXX", camera[64];
        struct observation seen;
        int prompts, status;

        signal(SIGPIPE, SIG_IGN);
        assert_non_null(mkdtemp(directory));
        snprintf(camera, sizeof(camera), "%s/camera", directory);
        assert_int_equal(mkfifo(camera, 0600), 0);
        pid_t pid = start(camera, &prompts);

        int fd = open(camera, O_RDONLY | O_CLOEXEC);
        for (int i = 0; i < 3; i++)
                receive(fd, &seen);
        double before = asymmetry(&seen);
        assert_int_equal(write(prompts, "turn-left\n", 10), 10);
        for (int i = 0; i < 2 * RATE; i++)
                receive(fd, &seen);
        assert_true(asymmetry(&seen) - before > 0.25);

        /* In the middle of a frame the reader goes away; the next one begins with a whole one. */
        char part[1000];
        assert_int_equal(read(fd, part, sizeof(part)), sizeof(part));
        close(fd);
        usleep(300000);
        fd = open(camera, O_RDONLY | O_CLOEXEC);
        receive(fd, &seen);
        close(fd);

        /* Without a reader it waits, and still ends when it is told to. */
        assert_int_equal(kill(pid, SIGTERM), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        close(prompts);
        unlink(camera);
        rmdir(directory);
}

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_person_sits_before_the_camera),
                cmocka_unit_test(a_person_is_never_quite_still),
                cmocka_unit_test(the_same_person_of_two_photographs_matches),
                cmocka_unit_test(a_prompted_head_turns_and_comes_back),
                cmocka_unit_test(a_prompted_head_is_raised_and_lowered),
                cmocka_unit_test(prompted_eyes_shut_for_a_moment),
                cmocka_unit_test(a_held_up_photograph_neither_turns_its_head_nor_blinks),
                cmocka_unit_test(a_face_that_is_not_there_is_refused),
                cmocka_unit_test(the_program_plays_for_whoever_reads_the_pipe),
        };

        if (argc != 2)
                return EXIT_FAILURE;
        if (!getenv("VISAVIS_MODELS") || !getenv("VISAVIS_PHOTOS")) {
                puts("1..0 # SKIP VISAVIS_MODELS and VISAVIS_PHOTOS do not say where networks and photographs are");
                return EXIT_SUCCESS;
        }
        program = argv[1];
        return cmocka_run_group_tests(tests, load, unload);
}
