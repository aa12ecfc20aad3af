/* A new PIN that is typed twice: what is to be said of it. Sign-up and the preferences ask for one. */
#pragma once

#include <gtk/gtk.h>
#include <stdbool.h>

/* Judges what stands in the fields @pin and @again, and shows it. Whether both are the same and will do. */
bool pin_choice_judge(GtkWidget *pin, GtkWidget *again, GtkLevelBar *strength, GtkLabel *judgement);
