/* What the camera sees, as in a mirror: a round picture with the attempt's progress around it, a frame around the face
 * and, when the head is to be turned, an arrow at the side to turn to. */
#pragma once

#include <gtk/gtk.h>

#include "ui/client/attempt.h"

struct face_view;

/* Its widget is a child of @parent from now on; it lives as long as that. */
struct face_view *face_view_new(GtkBox *parent);

/* Shows the pictures of the ring behind @fd, which stays the caller's. Errors: as preview_open(). */
int face_view_open(struct face_view *v, int fd);

/* Progress, prompt and face box of the attempt. */
void face_view_set(struct face_view *v, const struct attempt_view *attempt);

/* Ends the pictures and forgets the attempt. */
void face_view_clear(struct face_view *v);
