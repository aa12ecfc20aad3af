/* A daemon's life, over a message bus of the test's own: options, readiness, its name, callers, signals, and the bus
 * that goes away.
 *
 * Each daemon runs in a child of the test, which hears its READY and STOPPING through NOTIFY_SOCKET. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "services/bus.h"
#include "services/caller.h"
#include "services/cleanup.h"
#include "services/daemon.h"
#include "services/log.h"

#define NAME "im.visavis.Test1"
#define PATH "/im/visavis/test"

enum { WAIT_MS = 20000 };

static char bus_address[256];
static pid_t bus_daemon;
static int notify_socket = -1;
static const char *greeting;
static bool optional;

/* The daemon under test. */

static int on_who(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct caller caller;
        int r = caller_of(m, &caller);

        return r < 0 ? r
                     : sd_bus_reply_method_return(m, "suu", caller.name, (uint32_t) caller.uid, (uint32_t) caller.pid);
}

/* Answers, then sends the caller alone a signal and a change of a property. */
static int on_tell(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        sd_bus *bus = sd_bus_message_get_bus(m);
        const char *sender = sd_bus_message_get_sender(m);
        int r = bus_signal_to(bus, sender, PATH, NAME, "Told", &signal);

        if (r >= 0)
                r = sd_bus_message_append(signal, "s", "for you alone");
        if (r >= 0)
                r = sd_bus_send(bus, signal, NULL);
        if (r >= 0)
                r = bus_emit_properties_changed_to(bus, sender, PATH, NAME, (const char *[]){ "Greeting", NULL });
        if (r >= 0)
                r = bus_emit_properties_changed_to(bus, NULL, PATH, NAME, (const char *[]){ "Greeting", NULL });
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int get_greeting(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", "good day");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Who", "", "suu", on_who, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Tell", "", "", on_tell, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("Told", "s", 0),
        SD_BUS_PROPERTY("Greeting", "s", get_greeting, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

/* Refuses to start unless all that daemon.h promises is there. */
static int start(struct daemon *d, void **state)
{
        struct rlimit core;
        struct stat st;

        if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
                return -EPERM;
        if (stat(d->state_directory, &st) < 0 || (st.st_mode & 07777) != 0700 || st.st_uid != geteuid())
                return -EPERM;
        if (strcmp(config_string(d->config, "hub", NULL, "address"), "nowhere") != 0)
                return -EINVAL;
        if (greeting && strcmp(greeting, "fail") == 0)
                return -ECANCELED;
        *state = d;
        if (optional && !d->bus)
                return 0;
        return sd_bus_add_object_vtable(d->bus, NULL, PATH, NAME, vtable, NULL);
}

static void stop(struct daemon *d, void *state)
{
        _cleanup_free_ char *path = NULL;

        /* The mark that stop() was called, with what start() gave. */
        if (state == d && asprintf(&path, "%s/stopped", d->state_directory) > 0)
                fclose(fopen(path, "we"));
}

/* Leaves word of what it read. */
static int reload(struct daemon *d, void *state)
{
        const char *address = config_string(d->config, "hub", NULL, "address");
        _cleanup_free_ char *path = NULL;

        if (strcmp(address, "wrong") == 0)
                return -EINVAL;
        if (state == d && asprintf(&path, "%s/%s", d->state_directory, address) > 0)
                fclose(fopen(path, "we"));
        return 0;
}

static const struct config_key keys[] = { { "hub", "address", "nowhere" }, { NULL, NULL, NULL } };

static int run(int argc, char *argv[])
{
        const struct daemon_option options[] = { { "greeting", "TEXT", "what to say", &greeting },
                                                 { NULL, NULL, NULL, NULL } };
        const struct daemon_type type = { .name = "visavis-test",
                                          .description = "a daemon under test",
                                          .bus_name = NAME,
                                          .bus_is_optional = optional,
                                          .keys = keys,
                                          .options = options,
                                          .start = start,
                                          .reload = reload,
                                          .stop = stop };

        return daemon_run(&type, argc, argv);
}

/* The test's side. */

static pid_t spawn(const char *bus, const char *state, const char *config, const char *extra)
{
        char *argv[] = { (char *) "visavis-test", (char *) "--bus", (char *) bus,
                         (char *) "--state",      (char *) state,   (char *) "--config",
                         (char *) config,         (char *) extra,   NULL };
        pid_t child = fork();

        if (child == 0) {
                int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(null, STDERR_FILENO);
                dup2(null, STDOUT_FILENO);
                _exit(run((int) COUNT_OF(argv) - 1 - !extra, argv));
        }
        assert_true(child > 0);
        return child;
}

static int wait_exit(pid_t child)
{
        int status;

        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect_notice(const char *wanted)
{
        struct pollfd p = { .fd = notify_socket, .events = POLLIN };
        char text[256];

        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        ssize_t n = recv(notify_socket, text, sizeof(text) - 1, 0);
        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, wanted);
}

static void expect_reloading(void)
{
        static const char prefix[] = "RELOADING=1\nMONOTONIC_USEC=";
        char text[256] = "";

        assert_true(recv(notify_socket, text, sizeof(text) - 1, 0) > 0);
        assert_memory_equal(text, prefix, sizeof(prefix) - 1);
        assert_true(strtoull(text + sizeof(prefix) - 1, NULL, 10) > 0);
        expect_notice("READY=1");
}

static void expect_no_notice(void)
{
        char text[16];

        assert_int_equal(recv(notify_socket, text, sizeof(text), MSG_DONTWAIT), -1);
}

static int start_bus(void **state)
{
        int fds[2];

        if (scratch_setup(state) < 0 || pipe(fds) < 0)
                return -1;

        _cleanup_free_ char *config = scratch_path("bus.conf");
        FILE *f = fopen(config, "we");
        if (!f)
                return -1;
        fprintf(f,
                "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
                "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
                "<allow receive_sender=\"*\"/></policy></busconfig>",
                scratch);
        fclose(f);

        bus_daemon = fork();
        if (bus_daemon == 0) {
                char print[32], file[128];

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(fds[0]);
                snprintf(print, sizeof(print), "--print-address=%d", fds[1]);
                snprintf(file, sizeof(file), "--config-file=%s", config);
                execlp("dbus-daemon", "dbus-daemon", file, "--nofork", print, (char *) NULL);
                _exit(127);
        }
        close(fds[1]);
        ssize_t n = read(fds[0], bus_address, sizeof(bus_address) - 1);
        close(fds[0]);
        if (n <= 0) {
                fprintf(stderr, "No dbus-daemon: install the package dbus-daemon to run these tests.\n");
                return -1;
        }
        bus_address[strcspn(bus_address, "\n")] = '\0';

        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", scratch);
        notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (notify_socket < 0 || bind(notify_socket, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -1;
        setenv("NOTIFY_SOCKET", address.sun_path, 1);
        greeting = NULL;
        return 0;
}

static void stop_bus(void)
{
        if (bus_daemon > 0) {
                kill(bus_daemon, SIGTERM);
                waitpid(bus_daemon, NULL, 0);
        }
        bus_daemon = 0;
}

static int end_bus(void **state)
{
        stop_bus();
        close(notify_socket);
        return scratch_teardown(state);
}

static sd_bus *connect_client(void)
{
        sd_bus *bus = NULL;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, bus_address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, 1) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        return bus;
}

static void it_is_ready_when_it_owns_its_name_and_stops_cleanly(void **state)
{
        static const int signals[] = { SIGTERM, SIGINT };

        for (size_t i = 0; i < COUNT_OF(signals); i++) {
                _cleanup_free_ char *directory = scratch_path("state"), *mark = scratch_path("state/stopped");
                _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = connect_client();
                pid_t child = spawn(bus_address, directory, scratch, NULL);

                expect_notice("READY=1");
                assert_true(sd_bus_get_name_creds(bus, NAME, 0, NULL) >= 0);
                kill(child, signals[i]);
                expect_notice("STOPPING=1");
                assert_int_equal(wait_exit(child), 0);
                assert_int_equal(unlink(mark), 0);
        }
}

static void a_hangup_has_its_configuration_read_again(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state"), *somewhere = scratch_path("state/somewhere"),
                            *elsewhere = scratch_path("state/elsewhere");
        pid_t child = spawn(bus_address, directory, scratch, NULL);

        expect_notice("READY=1");
        scratch_write("test.conf", "[hub]\naddress = somewhere\n", 26);
        kill(child, SIGHUP);
        expect_reloading();
        assert_int_equal(unlink(somewhere), 0);

        /* One that cannot be read, and one that the daemon does not like, change nothing and end nothing. */
        scratch_write("test.conf", "[hub]\nadress = somewhere\n", 25);
        kill(child, SIGHUP);
        expect_reloading();
        scratch_write("test.conf", "[hub]\naddress = wrong\n", 22);
        kill(child, SIGHUP);
        expect_reloading();
        assert_int_equal(access(somewhere, F_OK), -1);
        scratch_write("test.conf", "[hub]\naddress = elsewhere\n", 26);
        kill(child, SIGHUP);
        expect_reloading();
        assert_int_equal(unlink(elsewhere), 0);
        kill(child, SIGTERM);
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(child), 0);
}

static void a_caller_is_who_the_bus_says(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");
        pid_t child = spawn(bus_address, directory, scratch, NULL);

        expect_notice("READY=1");
        {
                _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = connect_client();
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                const char *name, *own;
                uint32_t uid, pid;

                assert_true(sd_bus_call_method(bus, NAME, PATH, NAME, "Who", NULL, &reply, "") >= 0);
                assert_true(sd_bus_message_read(reply, "suu", &name, &uid, &pid) >= 0);
                assert_true(sd_bus_get_unique_name(bus, &own) >= 0);
                assert_string_equal(name, own);
                assert_int_equal(uid, geteuid());
                assert_int_equal(pid, getpid());
        }
        kill(child, SIGTERM);
        assert_int_equal(wait_exit(child), 0);
}

struct heard {
        unsigned told, invalidated, changed;
};

static int on_told(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct heard *h = userdata;

        h->told++;
        return 0;
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct heard *h = userdata;

        assert_true(sd_bus_message_skip(m, "s") >= 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") >= 0);
        h->changed += sd_bus_message_at_end(m, 0) == 0;
        while (sd_bus_message_at_end(m, 0) == 0)
                assert_true(sd_bus_message_skip(m, "{sv}") >= 0);
        assert_true(sd_bus_message_exit_container(m) >= 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "s") >= 0);
        h->invalidated += sd_bus_message_at_end(m, 0) == 0;
        return 0;
}

static void listen_to(sd_bus *bus, struct heard *h)
{
        assert_true(sd_bus_match_signal(bus, NULL, NAME, PATH, NAME, "Told", on_told, h) >= 0);
        assert_true(sd_bus_match_signal(bus, NULL, NAME, PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                        on_properties, h) >= 0);
}

/* The broadcast comes last, so whoever has heard it has heard all that was sent to it. */
static void wait_for_broadcast(sd_bus *bus, const struct heard *h)
{
        while (h->changed == 0) {
                int r = sd_bus_process(bus, NULL);

                assert_true(r >= 0);
                if (r == 0)
                        assert_true(sd_bus_wait(bus, WAIT_MS * UINT64_C(1000)) > 0);
        }
}

static void a_signal_for_one_reaches_nobody_else(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");
        pid_t child = spawn(bus_address, directory, scratch, NULL);

        expect_notice("READY=1");
        {
                _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = connect_client(), *other = connect_client();
                struct heard h = { 0 }, other_h = { 0 };

                listen_to(bus, &h);
                listen_to(other, &other_h);
                assert_true(sd_bus_call_method(bus, NAME, PATH, NAME, "Tell", NULL, NULL, "") >= 0);
                wait_for_broadcast(bus, &h);
                wait_for_broadcast(other, &other_h);
                assert_int_equal(h.told, 1);
                assert_int_equal(h.invalidated, 1);
                assert_int_equal(h.changed, 1);
                assert_int_equal(other_h.told, 0);
                assert_int_equal(other_h.invalidated, 0);
                assert_int_equal(other_h.changed, 1);
        }
        kill(child, SIGTERM);
        assert_int_equal(wait_exit(child), 0);
}

static void a_second_instance_is_refused_and_stopped(void **state)
{
        _cleanup_free_ char *first_state = scratch_path("first"), *second_state = scratch_path("second"),
                            *mark = scratch_path("second/stopped");
        pid_t first = spawn(bus_address, first_state, scratch, NULL);

        expect_notice("READY=1");
        pid_t second = spawn(bus_address, second_state, scratch, NULL);
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(second), EXIT_FAILURE);
        assert_int_equal(access(mark, F_OK), 0);
        kill(first, SIGTERM);
        assert_int_equal(wait_exit(first), 0);
}

static void it_fails_when_the_bus_goes_away(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state"), *mark = scratch_path("state/stopped");
        pid_t child = spawn(bus_address, directory, scratch, NULL);

        expect_notice("READY=1");
        stop_bus();
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(child), EXIT_FAILURE);
        assert_int_equal(access(mark, F_OK), 0);
}

static void without_a_bus_it_fails(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");

        stop_bus();
        assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, NULL)), EXIT_FAILURE);
        expect_no_notice();
}

static void one_that_can_do_without_a_bus_does(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = connect_client();
        pid_t child;

        optional = true;
        child = spawn(bus_address, directory, scratch, NULL);
        expect_notice("READY=1");
        assert_true(sd_bus_get_name_creds(bus, NAME, 0, NULL) >= 0);

        /* Its name is taken, or there is no bus. */
        _cleanup_free_ char *second = scratch_path("second");
        pid_t other = spawn(bus_address, second, scratch, NULL);

        expect_notice("READY=1");
        kill(other, SIGTERM);
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(other), 0);
        other = spawn("unix:path=/nowhere", second, scratch, NULL);
        expect_notice("READY=1");

        stop_bus(); /* it goes on when the bus has gone, and still listens to signals */
        kill(child, SIGHUP);
        expect_reloading();
        kill(child, SIGTERM);
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(child), 0);
        kill(other, SIGTERM);
        expect_notice("STOPPING=1");
        assert_int_equal(wait_exit(other), 0);
        optional = false;
}

static void a_start_that_fails_is_a_failure_and_never_ready(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state"), *mark = scratch_path("state/stopped");

        assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, "--greeting=fail")), EXIT_FAILURE);
        expect_no_notice();
        assert_int_equal(access(mark, F_OK), -1);
}

static void a_mistake_in_its_configuration_is_a_failure(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");

        scratch_write("test.conf", "[hub]\nadress = x\n", 17);
        assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, NULL)), EXIT_FAILURE);
        expect_no_notice();
}

static void unknown_options_and_arguments_are_refused(void **state)
{
        static const char *const refused[] = { "--unknown", "argument", "--log-level=loud", "--greeting" };
        _cleanup_free_ char *directory = scratch_path("state");

        for (size_t i = 0; i < COUNT_OF(refused); i++)
                assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, refused[i])), EXIT_FAILURE);
        assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, "--help")), 0);
        assert_int_equal(wait_exit(spawn(bus_address, directory, scratch, "--version")), 0);
        expect_no_notice();
}

static void an_open_state_directory_is_closed_to_others(void **state)
{
        _cleanup_free_ char *directory = scratch_path("state");
        struct stat st;

        assert_int_equal(mkdir(directory, 0755), 0);
        pid_t child = spawn(bus_address, directory, scratch, NULL);
        expect_notice("READY=1");
        assert_int_equal(stat(directory, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        kill(child, SIGTERM);
        assert_int_equal(wait_exit(child), 0);
}

static void a_state_directory_that_is_none_is_refused(void **state)
{
        _cleanup_free_ char *file = scratch_path("file"), *deep = scratch_path("missing/state");

        scratch_write("file", "", 0);
        assert_int_equal(wait_exit(spawn(bus_address, file, scratch, NULL)), EXIT_FAILURE);
        assert_int_equal(wait_exit(spawn(bus_address, deep, scratch, NULL)), EXIT_FAILURE);
        expect_no_notice();
}

#define bus_test(f) cmocka_unit_test_setup_teardown(f, start_bus, end_bus)

int main(void)
{
        const struct CMUnitTest tests[] = {
                bus_test(it_is_ready_when_it_owns_its_name_and_stops_cleanly),
                bus_test(a_hangup_has_its_configuration_read_again),
                bus_test(a_caller_is_who_the_bus_says),
                bus_test(a_signal_for_one_reaches_nobody_else),
                bus_test(a_second_instance_is_refused_and_stopped),
                bus_test(it_fails_when_the_bus_goes_away),
                bus_test(without_a_bus_it_fails),
                bus_test(one_that_can_do_without_a_bus_does),
                bus_test(a_start_that_fails_is_a_failure_and_never_ready),
                bus_test(a_mistake_in_its_configuration_is_a_failure),
                bus_test(unknown_options_and_arguments_are_refused),
                bus_test(an_open_state_directory_is_closed_to_others),
                bus_test(a_state_directory_that_is_none_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
