/* What the CLI's commands share. */
#include "ui/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/cli/output.h"

/* Longer than any of cryptod's own waits for the hub, which come to one for each of the people who are added. */
#define CALL_USEC (5ULL * 60 * 1000 * 1000)

int cli_fail(const struct cli *cli, int code, const char *format, ...)
{
        _cleanup_free_ char *sentence = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                abort();
        va_end(arguments);
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "event", json_object_new_string("error"));
                json_object_object_add(o, "code", json_object_new_int(code));
                json_object_object_add(o, "text", json_object_new_string(sentence));
                output_json(o);
        } else {
                _cleanup_free_ char *safe = output_sanitise(sentence, false);

                fflush(stdout);
                fprintf(stderr, "visavis: %s\n", safe);
        }
        return code;
}

int cli_fail_bus(const struct cli *cli, const sd_bus_error *error)
{
        static const struct {
                const char *name;
                int code;
        } codes[] = {
                { CLIENT_ERROR_FACE, EXIT_FACE_REFUSED },
                { ERROR_WRONG_FACTOR, EXIT_FACTOR_REFUSED },
                { ERROR_LOCKED, EXIT_LOCKED },
                { ERROR_HUB, EXIT_HUB },
                { ERROR_KEY_MISMATCH, EXIT_NOT_VERIFIED },
                { ERROR_NOT_FOUND, EXIT_NOT_FOUND },
                { ERROR_THROTTLED, EXIT_THROTTLED },
                { ERROR_INVALID_ARGUMENT, EXIT_USAGE },
        };
        int code = EXIT_OTHER;

        for (unsigned i = 0; i < COUNT_OF(codes); i++)
                if (sd_bus_error_has_name(error, codes[i].name))
                        code = codes[i].code;
        return cli_fail(cli, code, "%s", client_error_text(error));
}

int cli_connect(struct cli *cli)
{
        int r = 0;

        if (cli->bus)
                return EXIT_OK;
        r = client_connect(cli->bus_address, &cli->bus);
        if (r < 0)
                return cli_fail(
                        cli, EXIT_OTHER,
                        "The message bus could not be reached: %s. See that D-Bus runs, or name another bus with "
                        "--bus or VISAVIS_BUS.",
                        strerror(-r));
        r = sd_event_new(&cli->event);
        if (r >= 0)
                r = sd_bus_attach_event(cli->bus, cli->event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "The event loop could not be started: %s. Try again.", strerror(-r))
                     : EXIT_OK;
}

int cli_call_message(struct cli *cli, sd_bus_message *m, sd_bus_message **reply)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_call(cli->bus, m, CALL_USEC, &error, reply);

        if (r >= 0)
                return EXIT_OK;
        return sd_bus_error_is_set(&error)
                       ? cli_fail_bus(cli, &error)
                       : cli_fail(cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r));
}

int cli_call(struct cli *cli, const char *path, const char *interface, const char *member, sd_bus_message **reply,
             const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        va_list arguments;
        int r = sd_bus_message_new_method_call(cli->bus, &m, CRYPTO_SERVICE, path, interface, member);

        va_start(arguments, types);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, arguments);
        va_end(arguments);
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "cryptod could not be called: %s. Try again.", strerror(-r))
                     : cli_call_message(cli, m, reply);
}

int cli_misunderstood(const struct cli *cli)
{
        return cli_fail(cli, EXIT_OTHER, "cryptod answered in a form that is not understood here.");
}

void cli_disconnect(struct cli *cli)
{
        calls_cancel(&cli->calls);
        if (cli->bus)
                sd_bus_detach_event(cli->bus);
        cli->bus = client_disconnect(cli->bus);
        cli->event = sd_event_unref(cli->event);
}

void cli_finish(struct cli *cli, int code)
{
        cli->over = true;
        cli->code = code;
}

int cli_wait(struct cli *cli, int r)
{
        while (r >= 0 && !cli->over)
                r = sd_event_run(cli->event, UINT64_MAX);
        cli->over = false;
        return r < 0 ? cli_fail(cli, EXIT_OTHER, "The message bus went away: %s. Try again when it is back.",
                                strerror(-r))
                     : cli->code;
}
