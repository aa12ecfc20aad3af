/* visavis-authd: recognises the face before the camera and that it is alive. It has no network and no key of a vault.
 */
#include <errno.h>
#include <string.h>

#include "authd/authd.h"
#include "services/daemon.h"
#include "services/log.h"

static const struct config_key keys[] = {
        { "peers", "crypto-user", "visavis-crypto" },
        { "models", "directory", MODELS_DIRECTORY },
        { "models", "engine", "deep" },
        { "limits", "accounts", "16" },
        { "templates", "adapt", "yes" },
        { "cameras", "discover", "yes" },
        { "cameras", "directory", "/dev/v4l/by-id" },
        CAMERA_KEYS,
        { NULL, NULL, NULL },
};

static int read_engine(const struct config *c, enum engine *out)
{
        const char *name = config_string(c, "models", NULL, "engine");
        int r = engine_parse(name, out);

        if (r < 0)
                log_error("There is no engine \"%s\"; set [models] engine in authd.conf to deep or lbph.", name);
        return r;
}

static int read_discovery(const struct config *c, const char **out)
{
        const char *directory = config_string(c, "cameras", NULL, "directory");
        bool discovers;
        int r = config_boolean(c, "cameras", NULL, "discover", &discovers);

        if (r >= 0 && directory[0] != '/') {
                log_error("\"%s\" is no absolute path; set [cameras] directory in authd.conf to one.", directory);
                r = -EINVAL;
        }
        if (r >= 0)
                *out = discovers ? directory : NULL;
        return r;
}

static int on_start(struct daemon *d, void **state)
{
        struct authd_settings settings = { .models = config_string(d->config, "models", NULL, "directory") };
        struct authd *a;
        int64_t accounts;
        int r;

        if ((r = peer_configure(&settings.crypto, d->config, "crypto-user")) < 0 ||
            (r = config_integer(d->config, "limits", NULL, "accounts", 1, 100000, &accounts)) < 0 ||
            (r = read_discovery(d->config, &settings.devices)) < 0 ||
            (r = read_engine(d->config, &settings.engine)) < 0)
                return r;
        settings.accounts_max = (unsigned) accounts;
        r = authd_new(d->event, d->bus, d->config, d->state_directory, &settings, &a);
        if (r < 0)
                return r;
        *state = a;
        return 0;
}

static void on_stop(struct daemon *d, void *state)
{
        authd_free(state);
}

int main(int argc, char *argv[])
{
        static const struct daemon_type type = {
                .name = "visavis-authd",
                .description = "Recognises the face before the camera, and that it is alive.",
                .bus_name = "im.visavis.Auth1",
                .keys = keys,
                .start = on_start,
                .stop = on_stop,
        };

        return daemon_run(&type, argc, argv);
}
