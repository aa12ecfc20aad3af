/* What a person before the camera is told while an attempt is under way. */
#pragma once

#include "ui/cli/cli.h"
#include "ui/client/attempt.h"

/* What has been told last. */
struct camera_words {
        struct attempt_view shown;
        bool any;
};

/* Says what is new in @view. */
void camera_words_show(const struct cli *cli, struct camera_words *w, const struct attempt_view *view);

/* A line, or with --json {"event":@event, @event: @name, "text":@text}. @name: NULL for none. */
void print_event(const struct cli *cli, const char *event, const char *name, const char *text);
