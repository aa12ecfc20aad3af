/* visavis file: files in conversations. cryptod gets descriptors and names nothing; what a file is called here is
 * decided here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/cli.h"
#include "ui/cli/output.h"
#include "ui/cli/session.h"
#include "ui/client/output_file.h"
#include "ui/client/properties.h"
#include "ui/media/inspection.h"
#include "ui/media/offer.h"

enum { PATH_SIZE = 256, NAME_SIZE = 256, LOOK_USEC = 200 * 1000 };

/* Where a transfer stands. */
struct standing {
        char path[PATH_SIZE];
        char name[NAME_SIZE], state[16], direction[16], error[512];
        uint64_t size, message;
        double progress;
};

static const char *id_of(const struct standing *s)
{
        return strrchr(s->path, '/') + 1;
}

static void print_standing(const struct cli *cli, const struct standing *s)
{
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "transfer", json_object_new_string(id_of(s)));
                json_object_object_add(o, "direction", json_object_new_string(s->direction));
                json_object_object_add(o, "state", json_object_new_string(s->state));
                json_object_object_add(o, "name", json_object_new_string(s->name));
                json_object_object_add(o, "size", json_object_new_uint64(s->size));
                json_object_object_add(o, "progress", json_object_new_double(s->progress));
                json_object_object_add(o, "error", json_object_new_string(s->error));
                output_json(o);
        } else {
                _cleanup_free_ char *name = output_sanitise(s->name, false);
                _cleanup_free_ char *error = output_sanitise(s->error, false);

                printf("%s  %-7s  %-7s %3.0f %%  %s%s%s\n", id_of(s), s->direction, s->state, s->progress * 100, name,
                       *error ? "  " : "", error);
        }
}

static int read_standing(struct cli *cli, sd_bus_message *m, struct standing *s)
{
        const struct property table[] = { { "Name", PROPERTY_STRING, s->name, sizeof(s->name) },
                                          { "State", PROPERTY_STRING, s->state, sizeof(s->state) },
                                          { "Direction", PROPERTY_STRING, s->direction, sizeof(s->direction) },
                                          { "Error", PROPERTY_STRING, s->error, sizeof(s->error) },
                                          { "Size", PROPERTY_UINT64, &s->size, 0 },
                                          { "Progress", PROPERTY_DOUBLE, &s->progress, 0 },
                                          { NULL, 0, NULL, 0 } };

        return properties_read(m, table) < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static bool is_gone(const sd_bus_error *error)
{
        return sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD);
}

/* One that is over is not there any more: its state is "gone". */
static int look(struct cli *cli, struct standing *s)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(cli->bus, CRYPTO_SERVICE, s->path, "org.freedesktop.DBus.Properties", "GetAll",
                                   &error, &reply, "s", CRYPTO_TRANSFER);

        if (is_gone(&error)) {
                (void) snprintf(s->state, sizeof(s->state), "gone");
                return EXIT_OK;
        }
        return r < 0 ? cli_fail_bus(cli, &error) : read_standing(cli, reply, s);
}

static int take_path(struct cli *cli, sd_bus_message *reply, struct standing *s)
{
        const char *path;

        if (sd_bus_message_read(reply, "o", &path) < 0 || !strrchr(path, '/') || strlen(path) >= sizeof(s->path))
                return cli_misunderstood(cli);
        (void) snprintf(s->path, sizeof(s->path), "%s", path);
        return EXIT_OK;
}

/* Looks until the transfer is not in one of these states any more. */
static int wait_while(struct cli *cli, struct standing *s, const char *const *states)
{
        bool shows = isatty(STDERR_FILENO) && !cli->json;

        for (;;) {
                bool waits = false;
                int r = look(cli, s);

                if (r != EXIT_OK)
                        return r;
                for (const char *const *state = states; *state; state++)
                        waits = waits || strcmp(s->state, *state) == 0;
                if (shows)
                        fprintf(stderr, "\r%-7s %3.0f %%%s", s->state, s->progress * 100, waits ? "" : "\n");
                if (!waits)
                        return EXIT_OK;
                (void) usleep(LOOK_USEC);
        }
}

static int failed(struct cli *cli, const struct standing *s)
{
        return cli_fail(cli, EXIT_OTHER, "%s", *s->error ? s->error : "The file did not arrive.");
}

/* -- send ---------------------------------------------------------------------------------------------------------- */

static const char *media_type_of(const char *name)
{
        static const char *const types[][2] = {
                { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" },  { ".png", "image/png" },
                { ".gif", "image/gif" },  { ".webp", "image/webp" },  { ".pdf", "application/pdf" },
                { ".txt", "text/plain" }, { ".md", "text/markdown" }, { ".ogg", "audio/ogg" },
                { ".opus", "audio/ogg" }, { ".mp3", "audio/mpeg" },   { ".wav", "audio/wav" },
                { ".mp4", "video/mp4" },  { ".webm", "video/webm" },  { ".zip", "application/zip" },
        };
        const char *dot = strrchr(name, '.');

        for (size_t i = 0; dot && i < COUNT_OF(types); i++)
                if (strcasecmp(dot, types[i][0]) == 0)
                        return types[i][1];
        return "application/octet-stream";
}

static int append_caption(sd_bus_message *m, int argc, char *argv[])
{
        _cleanup_free_ char *caption = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&caption, &size);

        if (!f)
                return -ENOMEM;
        for (int i = 0; i < argc; i++)
                fprintf(f, "%s%s", i > 0 ? " " : "", argv[i]);
        if (fclose(f) != 0)
                return -ENOMEM;
        return size > 0 ? sd_bus_message_append(m, "{sv}", "caption", "s", caption) : 0;
}

static int append_options(sd_bus_message *m, const struct finding *f, bool voice, int argc, char *argv[])
{
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = append_caption(m, argc, argv);
        if (r >= 0)
                r = offer_append(m, f, voice);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What is found in it, which costs no more than that if it fails. */
static int inspect(const struct cli *cli, int fd, const char *path, struct finding *out)
{
        const int r = inspect_file(fd, INSPECTION_THUMBNAIL_SIDE, out);

        if (cli->voice && r >= 0 && out->kind != FINDING_RECORDING)
                return cli_fail(cli, EXIT_USAGE, "%s is no recording that is known here; send it without --voice.",
                                path);
        return EXIT_OK;
}

static int send_file(struct session *s, const char *path, int argc, char *argv[])
{
        static const char *const sealing[] = { "sealing", NULL };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
        _cleanup_(finding_release) struct finding found = { 0 };
        struct standing t = { 0 };
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return cli_fail(s->cli, EXIT_NOT_FOUND, "%s could not be opened: %s.", path, strerror(errno));
        if (S_ISDIR(st.st_mode))
                return cli_fail(s->cli, EXIT_USAGE, "%s is a directory; pack it first (tar), and send the archive.",
                                path);
        r = inspect(s->cli, fd, path, &found);
        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_new_method_call(s->cli->bus, &m, CRYPTO_SERVICE, s->chosen.path, CRYPTO_TRANSFERS, "Send");
        if (r >= 0)
                r = sd_bus_message_append(m, "shss", s->conversation, fd, name, media_type_of(name));
        if (r >= 0)
                r = append_options(m, &found, s->cli->voice, argc, argv);
        if (r < 0)
                return cli_fail(s->cli, EXIT_USAGE, "This cannot be passed on: %s. Is it UTF-8?", strerror(-r));
        r = cli_call_message(s->cli, m, &reply);
        if (r == EXIT_OK)
                r = take_path(s->cli, reply, &t);
        if (r == EXIT_OK)
                r = wait_while(s->cli, &t, sealing);
        if (r != EXIT_OK)
                return r;
        if (strcmp(t.state, "failed") == 0)
                return failed(s->cli, &t);
        if (s->cli->json)
                print_standing(s->cli, &t);
        return EXIT_OK;
}

/* -- save ---------------------------------------------------------------------------------------------------------- */

struct saving {
        struct cli *cli;
        struct standing standing;
        char *service; /* cryptod's unique name */
        sd_bus_slot *saved, *gone;
        struct output_file output;
        const char *name;
};

static void saving_release(struct saving *v)
{
        sd_bus_slot_unref(v->saved);
        sd_bus_slot_unref(v->gone);
        output_file_release(&v->output);
        free(v->service);
}

static int on_saved(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct saving *v = userdata;
        const char *name, *text;

        if (sd_bus_message_read(m, "ss", &name, &text) < 0 || strcmp(sd_bus_message_get_sender(m), v->service) != 0)
                return 0;
        const sd_bus_error error = { .name = name, .message = text };
        cli_finish(v->cli, *name ? cli_fail_bus(v->cli, &error) : EXIT_OK);
        return 0;
}

static int on_gone(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        struct saving *v = userdata;

        if (client_from_bus(m))
                cli_finish(v->cli, cli_fail(v->cli, EXIT_OTHER, "cryptod has stopped. Log in again, then try again."));
        return 0;
}

static int begin_output(struct saving *v)
{
        int r;

        v->name = v->cli->output ? v->cli->output : v->standing.name;
        if (strcmp(v->name, "-") == 0 && v->cli->json)
                return cli_fail(v->cli, EXIT_USAGE,
                                "With --json, standard output is for objects; name a file with -o.");
        r = output_file_begin(v->name, v->cli->yes, &v->output);
        if (r == -EEXIST)
                return cli_fail(v->cli, EXIT_USAGE,
                                "%s is there already; name another file with -o, or replace it with --yes.", v->name);
        return r < 0 ? cli_fail(v->cli, EXIT_OTHER, "%s cannot be written: %s.", v->name, strerror(-r)) : EXIT_OK;
}

static int save(struct saving *v)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path = v->standing.path;
        int r = sd_bus_match_signal_async(v->cli->bus, &v->saved, NULL, path, CRYPTO_TRANSFER, "Saved", on_saved, NULL,
                                          v);

        if (r >= 0)
                r = client_watch_service(v->cli->bus, CRYPTO_SERVICE, on_gone, v, &v->gone);
        if (r < 0)
                return cli_fail(v->cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
        r = cli_call(v->cli, path, CRYPTO_TRANSFER, "Save", &reply, "ha{sv}", v->output.fd, 0);
        if (r != EXIT_OK)
                return r;
        v->service = strdup(sd_bus_message_get_sender(reply));
        if (!v->service)
                abort();
        r = cli_wait(v->cli, 0);
        if (r != EXIT_OK)
                return r;
        r = output_file_finish(&v->output);
        return r < 0 ? cli_fail(v->cli, EXIT_OTHER, "%s could not be given its name: %s. Nothing was kept.", v->name,
                                strerror(-r))
                     : EXIT_OK;
}

static void report(const struct saving *v)
{
        _cleanup_free_ char *safe = output_sanitise(v->name, false);

        if (v->cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "event", json_object_new_string("saved"));
                json_object_object_add(o, "file", json_object_new_string(v->name));
                output_json(o);
        } else if (strcmp(v->name, "-") != 0) {
                printf("%s\n", safe);
        }
}

static int receive(struct session *s, const char *message)
{
        static const char *const under_way[] = { "waiting", "running", NULL };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(saving_release) struct saving v = { .cli = s->cli, .output.fd = -1 };
        int r = session_message(s, message);

        if (r == EXIT_OK)
                r = cli_call(s->cli, s->chosen.path, CRYPTO_TRANSFERS, "Receive", &reply, "st", s->conversation,
                             s->message);
        if (r == EXIT_OK)
                r = take_path(s->cli, reply, &v.standing);
        if (r == EXIT_OK)
                r = look(s->cli, &v.standing);
        if (r == EXIT_OK)
                r = begin_output(&v);
        if (r == EXIT_OK)
                r = wait_while(s->cli, &v.standing, under_way);
        if (r == EXIT_OK && strcmp(v.standing.state, "ready") != 0)
                r = failed(s->cli, &v.standing);
        if (r == EXIT_OK)
                r = save(&v);
        if (r == EXIT_OK)
                report(&v);
        return r;
}

/* -- the others ---------------------------------------------------------------------------------------------------- */

/* Of an object, its interfaces: those of a transfer are read. */
static int read_interfaces(struct cli *cli, sd_bus_message *m, struct standing *s, bool *is_transfer)
{
        const char *interface;
        int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                r = sd_bus_message_read(m, "s", &interface);
                *is_transfer = *is_transfer || (r >= 0 && strcmp(interface, CRYPTO_TRANSFER) == 0);
                if (r >= 0 && strcmp(interface, CRYPTO_TRANSFER) == 0)
                        r = read_standing(cli, m, s) == EXIT_OK ? 0 : -EBADMSG;
                else if (r >= 0)
                        r = sd_bus_message_skip(m, "a{sv}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int list(struct cli *cli, const struct cli_account *account)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        bool any = false;
        int r = cli_call(cli, account->path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &reply, "");

        if (r != EXIT_OK)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}")) > 0) {
                struct standing s = { 0 };
                bool is_transfer = false;

                if (take_path(cli, reply, &s) != EXIT_OK)
                        return EXIT_OTHER;
                r = read_interfaces(cli, reply, &s, &is_transfer);
                if (r >= 0 && is_transfer)
                        print_standing(cli, &s);
                any = any || is_transfer;
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r >= 0 && !any && !cli->json)
                puts("No file is on its way.");
        return r < 0 ? cli_misunderstood(cli) : EXIT_OK;
}

static int change(struct cli *cli, const struct cli_account *account, const char *action, const char *id)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        char path[PATH_SIZE + 64];
        const char *member = strcmp(action, "pause") == 0    ? "Pause"
                             : strcmp(action, "resume") == 0 ? "Resume"
                                                             : "Cancel";

        if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
                return cli_fail(cli, EXIT_USAGE, "“%s” is no transfer's id; visavis file list shows them.", id);
        (void) snprintf(path, sizeof(path), "%s/transfer/%s", account->path, id);
        if (sd_bus_call_method(cli->bus, CRYPTO_SERVICE, path, CRYPTO_TRANSFER, member, &error, NULL, "") >= 0)
                return EXIT_OK;
        return is_gone(&error) ? cli_fail(cli, EXIT_NOT_FOUND,
                                          "There is no transfer %s any more; visavis file list shows those that are on "
                                          "their way.",
                                          id)
                               : cli_fail_bus(cli, &error);
}

int command_file(struct cli *cli, int argc, char *argv[])
{
        const char *action = argc > 0 ? argv[0] : "";
        bool sends = strcmp(action, "send") == 0 && argc >= 3, saves = strcmp(action, "save") == 0 && argc == 3;
        bool lists = strcmp(action, "list") == 0 && argc == 1;
        bool changes = argc == 2 &&
                       (strcmp(action, "pause") == 0 || strcmp(action, "resume") == 0 || strcmp(action, "cancel") == 0);
        struct cli_account account;
        struct session s;
        int r;

        if (!sends && !saves && !lists && !changes)
                return cli_fail(cli, EXIT_USAGE,
                                "Say send ADDRESS|GROUP FILE [TEXT…], save ADDRESS|GROUP MESSAGE, list, pause ID, "
                                "resume ID, or cancel ID.");
        if (lists || changes) {
                r = cli_unlocked_account(cli, &account);
                if (r != EXIT_OK)
                        return r;
                return lists ? list(cli, &account) : change(cli, &account, action, argv[1]);
        }
        r = session_open(cli, &session_no_events, NULL, &s);
        if (r == EXIT_OK)
                r = session_conversation(&s, argv[1]);
        if (r == EXIT_OK)
                r = sends ? send_file(&s, argv[2], argc - 3, argv + 3) : receive(&s, argv[2]);
        session_close(&s);
        return r;
}
