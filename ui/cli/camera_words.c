/* See camera_words.h. */
#include "ui/cli/camera_words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/cli/output.h"

void print_event(const struct cli *cli, const char *event, const char *name, const char *text)
{
        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "event", json_object_new_string(event));
                if (name)
                        json_object_object_add(o, event, json_object_new_string(name));
                json_object_object_add(o, "text", json_object_new_string(text));
                output_json(o);
                return;
        }
        _cleanup_free_ char *safe = output_sanitise(text, false);
        printf("%s%s\n", isatty(STDOUT_FILENO) ? "\r\033[K" : "", safe);
        fflush(stdout);
}

static void print_progress(const struct cli *cli, const struct attempt_view *v)
{
        int percent = (int) (v->progress * 100 + 0.5);

        if (cli->json) {
                json_object *o = json_object_new_object();

                json_object_object_add(o, "event", json_object_new_string("progress"));
                json_object_object_add(o, "percent", json_object_new_int(percent));
                output_json(o);
        } else if (isatty(STDOUT_FILENO)) {
                printf("\r\033[K%3d %%", percent);
                fflush(stdout);
        }
}

void camera_words_show(const struct cli *cli, struct camera_words *w, const struct attempt_view *v)
{
        const struct attempt_view *shown = &w->shown;

        if (!w->any && v->virtual) {
                char text[128];

                snprintf(text, sizeof(text), "The camera %s is virtual: a file or a pipe, not a device.", v->camera);
                print_event(cli, "camera", v->camera, text);
        }
        if (*v->prompt && strcmp(v->prompt, shown->prompt) != 0)
                print_event(cli, "prompt", v->prompt, v->prompt_text);
        if (*v->hint && strcmp(v->hint, shown->hint) != 0)
                print_event(cli, "hint", NULL, v->hint);
        if (!w->any || (int) (v->progress * 100 + 0.5) != (int) (shown->progress * 100 + 0.5))
                print_progress(cli, v);
        w->shown = *v;
        w->any = true;
}
